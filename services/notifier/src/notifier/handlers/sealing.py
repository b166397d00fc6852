"""Chains the trail's entries, after the fact, so that no writer waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from notifier.adapters import seals
from notifier.adapters.seals import Seal, Turn
from shared.db import Database
from shared.db.sweep import sweep
from shared.trail import START, link

if TYPE_CHECKING:
    from asyncpg import Record

SEALED = Counter("trail_sealed_total", "Entries of the trail that were given their place.")
BEHIND = Gauge("trail_unsealed_entries", "Entries between the newest and the last that was sealed.")


@dataclass(slots=True)
class Walk:
    """From what is settled to what was newest when it began, a batch at a time; ``at`` is how far it came.

    So no batch looks again at what the ones before it have sealed.
    """

    begun: Turn
    at: int


class Sealer:
    """Several may run: one at a time has its turn, and the others try again."""

    BATCH = 200
    POLL_SECONDS = 1.0
    RESTS = 9  # Times as long as a batch took: what somebody waits for has all but a tenth of the time.

    def __init__(self, db: Database) -> None:
        self._db = db
        self._walk: Walk | None = None
        self._awaited: Turn | None = None
        self.settled: int | None = None
        """Every entry up to this id is sealed, and none will come; None before the first turn."""

    async def run(self) -> None:
        await sweep(
            self._seal_and_rest, size=self.BATCH, every_seconds=self.POLL_SECONDS, failed="trail.not_sealed"
        )

    async def _seal_and_rest(self) -> int:
        clock = asyncio.get_running_loop().time
        began = clock()
        sealed = await self.seal_batch()
        if sealed == self.BATCH:
            await asyncio.sleep(self.RESTS * (clock() - began))
        return sealed

    async def seal_batch(self) -> int:
        """Returns how many entries were sealed."""
        async with self._db.transaction() as tx:
            turn = await seals.begin(tx)
            if not turn.alone:
                return 0
            if self.settled is None:
                self.settled = await seals.settled(tx)
            walk = self._walk or Walk(turn, self.settled)
            # Only now, as what the one before us sealed must be seen.
            rows = await seals.due(tx, walk.at, walk.begun.newest, self.BATCH)
            if rows:
                await seals.seal(tx, list(_chained(rows)))
        if len(rows) == self.BATCH:
            self._walk, walk.at = walk, rows[-1]["id"]
        else:
            self._walk, walk.at = None, walk.begun.newest
            self._settle(walk.begun)
        SEALED.inc(len(rows))
        BEHIND.set(turn.newest - walk.at)
        return len(rows)

    def _settle(self, begun: Turn) -> None:
        """Look no more at what is sealed, once nothing can come in between.

        An id may be taken long before it is seen. Whoever took one below ``newest`` was in a transaction
        below ``own``; a walk that began when all of those were over has met what they wrote.
        """
        awaited = self._awaited
        if awaited is not None and begun.oldest >= awaited.own:
            self.settled = awaited.newest
            self._awaited = None
        if self._awaited is None:
            self._awaited = begun


def _chained(rows: Sequence[Record]) -> Iterator[Seal]:
    heads: dict[str, tuple[int, bytes]] = {}
    for row in rows:
        user_id = row["user_id"]
        place, previous = heads.get(user_id) or (row["place"] or 0, row["hash"] or START)
        place += 1
        hash_ = link(previous, seals.entry_of(row, place).digest())
        heads[user_id] = place, hash_
        yield Seal(user_id, place, row["id"], hash_)
