"""Moments at which a crash hurts most, as they show in the bytes between a service and its servers."""

from __future__ import annotations

import struct

# PostgreSQL's protocol: a message's type, its length with itself, its contents.
COMMIT_ASKED = b"Q\x00\x00\x00\x0cCOMMIT;\x00"
COMMIT_DONE = b"C\x00\x00\x00\x0bCOMMIT\x00"
STATEMENT_DONE = b"Z\x00\x00\x00\x05I"  # Ready for the next, in no transaction: what was asked is committed.
# AMQP 0-9-1, a method frame's length, class and method: basic.ack, from the broker a confirm.
ACK = struct.pack(">IHH", 13, 60, 80)
EXECUTE = b"E\x00\x00\x00\x09\x00"
