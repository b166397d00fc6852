"""Proof of who was told what: entries in chains, chains under signed checkpoints, and bundles of both.

An ``Entry`` is one thing that happened. A sealer gives each user's entries their places and hashes:
``hash = link(hash before it, or START, entry.digest())``. Now and then it takes the last hash of each chain
that grew as a ``leaf``, and signs a ``Checkpoint`` over the tree's ``root``; the checkpoint names the one
before it by its ``digest()``. A bundle is what of this proves one transfer.

    entry = Entry("alice", 1, "stored", moment(at), event_id=id_, epoch=1, seq=1, detail={"type": type_})
    head = link(START, entry.digest())
    leaves = [leaf("alice", 1, head)]
    checkpoint = Checkpoint(1, moment(now), previous=START, leaves=1, root=root(leaves))
    signature = checkpoint.sign(read_private_key(text))

A bundle is written line by line, in the order of ``shared.trail.bundle``; ``Concern`` says which entries go
in whole. Whoever has the file and the public key checks it with ``verify(file, key)``.

    concern, writer = Concern(transfer_id), BundleWriter("alice", transfer_id, moment(now), private_key)
    yield writer.header()
    for entry, hash in sealed_up_to_the_cover:  # The hashes as they were kept.
        yield writer.sealed(entry, hash, whole=concern(entry))
    yield writer.cover(Cover(checkpoint, signature, key, place, index, path(leaves, index)))
    for entry in later:
        if concern(entry):
            yield writer.unsealed(entry)
    yield writer.end()

Where the trail itself is found wrong, a ``Broken`` line says so before the cover. ``Fault`` names a row of a
trail that an audit has found wrong.

Nothing here knows a database or a clock.
"""

from __future__ import annotations

from shared.trail.audit import Fault, FaultKind, check_signed
from shared.trail.bundle import MEDIA_TYPE, Broken, BundleWriter, Concern, Cover, Standing, is_placed
from shared.trail.canonical import NotCanonical, canonical
from shared.trail.chain import START, link
from shared.trail.checkpoint import Checkpoint, Signed
from shared.trail.entry import Entry, NoEntry, What, moment
from shared.trail.keys import (
    NoKey,
    PrivateKey,
    PublicKey,
    fingerprint,
    public_text,
    read_private_key,
    read_public_key,
)
from shared.trail.lines import read_signed
from shared.trail.tree import leaf, path, root, root_by_path
from shared.trail.verify import Bundle, NoBundle, Problem, Verdict, read_bundle, verify

__all__ = [
    "MEDIA_TYPE",
    "START",
    "Broken",
    "Bundle",
    "BundleWriter",
    "Checkpoint",
    "Concern",
    "Cover",
    "Entry",
    "Fault",
    "FaultKind",
    "NoBundle",
    "NoEntry",
    "NoKey",
    "NotCanonical",
    "PrivateKey",
    "Problem",
    "PublicKey",
    "Signed",
    "Standing",
    "Verdict",
    "What",
    "canonical",
    "check_signed",
    "fingerprint",
    "is_placed",
    "leaf",
    "link",
    "moment",
    "path",
    "public_text",
    "read_bundle",
    "read_private_key",
    "read_public_key",
    "read_signed",
    "root",
    "root_by_path",
    "verify",
]
