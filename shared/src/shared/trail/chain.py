"""The chain of a user's entries: each link holds all that came before it."""

from __future__ import annotations

from hashlib import sha256

START = bytes(32)  # What the first entry is linked to.

_TAG = b"ledgerbell.trail.v1"
_START_OF_LINK = len(_TAG).to_bytes(8) + _TAG


def link(previous: bytes, digest: bytes) -> bytes:
    """The hash at an entry's place: of the hash before it and the entry's digest.

    Each part goes in with its length before it (8 bytes, big endian), so no two lists of parts read alike.
    """
    parts = (_START_OF_LINK, len(previous).to_bytes(8), previous, len(digest).to_bytes(8), digest)
    return sha256(b"".join(parts)).digest()
