"""Writes the evidence of one transfer: a user's whole chain, of which only what concerns it is opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from notifier.adapters import seals, timeline
from shared.db import Database
from shared.observability.logs import get_logger
from shared.trail import BundleWriter, Concern, Cover, NotCanonical, moment, path
from shared.trail.keys import PrivateKey

if TYPE_CHECKING:
    from asyncpg import Record

log = get_logger(__name__)

AT_ONCE = 200  # Entries that are hashed before others have the loop again.


class NoTrail(Exception):
    """Nothing was ever received for this user."""


class Evidence:
    """``key`` signs what is exported, as it signs checkpoints."""

    def __init__(self, db: Database, key: PrivateKey) -> None:
        self._db = db
        self._key = key

    async def lines(self, user_id: str, transfer_id: UUID) -> AsyncIterator[bytes]:
        """Of a bundle. That a transfer was never heard of is evidence too. Raises NoTrail, at once."""
        async with self._db.autocommit() as tx:
            if not await timeline.is_known(tx, user_id):
                raise NoTrail("There is no trail of this user.")
            cover = await timeline.cover(tx, user_id)
        return self._lines(user_id, transfer_id, cover)

    async def _lines(self, user_id: str, transfer_id: UUID, cover: Record | None) -> AsyncIterator[bytes]:
        writer = BundleWriter(user_id, transfer_id, moment(datetime.now(UTC)), self._key)
        concern = Concern(transfer_id)
        yield writer.header()
        place = 0 if cover is None else cover["place"]
        after = 0
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
        if cover is not None:
            yield writer.cover(await self._cover(user_id, cover))
        async with self._db.autocommit() as tx:
            rows = await timeline.later(tx, user_id, place)
        for row in rows:
            entry = seals.entry_of(row, row["place"])
            if concern(entry):
                yield writer.unsealed(entry)
        yield writer.end()

    async def _cover(self, user_id: str, row: Record) -> Cover:
        async with self._db.autocommit() as tx:
            heads = await seals.heads(tx, row["after"], row["up_to"])
        index = next(number for number, head in enumerate(heads) if head.user_id == user_id)
        beside = await asyncio.to_thread(lambda: path([head.leaf() for head in heads], index))
        checkpoint = seals.checkpoint_of(row)
        return Cover(checkpoint, row["signature"], row["key"], row["place"], index, beside)
