"""Proof of who was told what: entries in chains, chains under signed checkpoints, and bundles of both.

An ``Entry`` is one thing that happened. A sealer gives each user's entries their places and hashes:
``hash = link(hash before it, or START, entry.digest())``. Now and then it takes the last hash of each chain
that grew as a ``leaf``, and signs a ``Checkpoint`` over the tree's ``root``; the checkpoint names the one
before it by its ``digest()``. A bundle (``shared.trail.bundle``) is what of this proves one transfer.

    entry = Entry("alice", 1, "stored", moment(at), event_id=id_, epoch=1, seq=1, detail={"type": type_})
    head = link(START, entry.digest())
    leaves = [leaf("alice", 1, head)]
    checkpoint = Checkpoint(1, moment(now), previous=START, leaves=1, root=root(leaves))
    signature = checkpoint.sign(read_private_key(text))

Nothing here knows a database or a clock.
"""

from __future__ import annotations

from shared.trail.canonical import NotCanonical, canonical
from shared.trail.chain import START, link
from shared.trail.checkpoint import Checkpoint
from shared.trail.entry import Entry, NoEntry, What, moment
from shared.trail.keys import NoKey, fingerprint, public_text, read_private_key, read_public_key
from shared.trail.tree import leaf, path, root, root_by_path

__all__ = [
    "START",
    "Checkpoint",
    "Entry",
    "NoEntry",
    "NoKey",
    "NotCanonical",
    "What",
    "canonical",
    "fingerprint",
    "leaf",
    "link",
    "moment",
    "path",
    "public_text",
    "read_private_key",
    "read_public_key",
    "root",
    "root_by_path",
]
