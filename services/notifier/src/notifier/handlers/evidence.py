"""Writes the evidence of one transfer: a user's whole chain, of which only what concerns it is opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from notifier.adapters import seals, timeline
from notifier.adapters.seals import Head
from notifier.handlers.sealing import Sealer
from shared.db import Database
from shared.observability.logs import get_logger
from shared.trail import (
    Broken,
    BundleWriter,
    Concern,
    Cover,
    NotCanonical,
    Signed,
    moment,
    path,
    root_by_path,
)
from shared.trail.keys import PrivateKey, PublicKey

if TYPE_CHECKING:
    from asyncpg import Record

log = get_logger(__name__)

AT_ONCE = 200  # Entries that are hashed before others have the loop again.


class NoTrail(Exception):
    """Nothing was ever received for this user."""


class Evidence:
    """``key`` signs what is exported, as it signs checkpoints. What the trail lacks is written too."""

    def __init__(
        self, db: Database, sealer: Sealer, key: PrivateKey, signers: Mapping[str, PublicKey]
    ) -> None:
        """``signers`` may have signed checkpoints, by their fingerprints."""
        self._db = db
        self._sealer = sealer
        self._key = key
        self._signers = signers

    async def lines(self, user_id: str, transfer_id: UUID) -> AsyncIterator[bytes]:
        """Of a bundle. That a transfer was never heard of is evidence too. Raises NoTrail, at once."""
        async with self._db.autocommit() as tx:
            if not await timeline.is_known(tx, user_id):
                raise NoTrail("There is no trail of this user.")
            cover = await timeline.cover(tx, user_id)
        return self._lines(user_id, transfer_id, cover)

    async def _lines(self, user_id: str, transfer_id: UUID, cover: Record) -> AsyncIterator[bytes]:
        writer = BundleWriter(user_id, transfer_id, moment(datetime.now(UTC)), self._key)
        concern = Concern(transfer_id)
        yield writer.header()
        place, after = cover["place"] or 0, 0
        while after < place:
            async with self._db.autocommit() as tx:
                rows = await timeline.sealed(tx, user_id, after, place, AT_ONCE)
            if not rows:
                break  # The rest is gone, which the cover will show.
            for row in rows:
                entry = seals.entry_of(row, row["place"])
                try:
                    line = writer.sealed(entry, row["hash"], whole=concern(entry))
                except NotCanonical:
                    # We write no such entry. Left out, its place is what a verdict will name.
                    log.critical("trail.unreadable", user_id=user_id, place=row["place"])
                    continue
                yield line
            after = rows[-1]["place"]
        settled = max(cover["settled_now"], self._sealer.settled or 0)
        async with self._db.autocommit() as tx:
            rows = await timeline.later(tx, user_id, place, cover["settled_before"])
        if any(row["place"] is None and row["id"] <= settled for row in rows):
            yield writer.broken(Broken("seal", writer.places + 1))
        if place:
            found = await self._cover(user_id, cover)
            yield writer.broken(found) if isinstance(found, Broken) else writer.cover(found)
        for row in rows:
            entry = seals.entry_of(row, row["place"])
            if concern(entry):
                yield writer.unsealed(entry)
        yield writer.end()

    async def _cover(self, user_id: str, row: Record) -> Cover | Broken:
        """The checkpoint as it is kept, where a reader can see what is wrong with it by its signature."""
        if row["after"] >= row["seal"]:
            return (
                Broken("root", row["number"]) if row["is_next"] else Broken("checkpoint", row["number"] - 1)
            )
        async with self._db.autocommit() as tx:
            heads = await seals.heads(tx, row["after"], row["up_to"])
        index = next(number for number, head in enumerate(heads) if head.user_id == user_id)
        signed = seals.signed_of(row)
        leaves, beside = await asyncio.to_thread(_path, heads, index)
        checkpoint = signed.checkpoint
        top = root_by_path(leaves[index], index, len(leaves), beside)
        if (top, len(leaves)) != (checkpoint.root, checkpoint.leaves) and self._is_as_signed(signed):
            return Broken("root", checkpoint.number)
        return Cover(checkpoint, signed.signature, signed.key, row["place"], index, beside)

    def _is_as_signed(self, signed: Signed) -> bool:
        key = self._signers.get(signed.key)
        return key is not None and signed.checkpoint.verify(key, signed.signature)


def _path(heads: Sequence[Head], index: int) -> tuple[Sequence[bytes], Sequence[bytes]]:
    leaves = [head.leaf() for head in heads]
    return leaves, path(leaves, index)
