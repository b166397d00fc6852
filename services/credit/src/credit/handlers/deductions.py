"""Money out: what waits at the same moment is committed together, each with an outcome of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import asyncpg

from credit.adapters import ledger
from credit.adapters.ledger import Deduction
from shared.db import Database
from shared.db.database import UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from credit.adapters.ledger import Decided, Outcome
    from credit.domain.commands import DeductCredits

    Waiting: TypeAlias = tuple[Deduction, asyncio.Future[Outcome]]

MOST = 100
# A second batch is gathered and sent while the first is written to disk; more would only be smaller.
AT_ONCE = 2


class Deductions:
    """One that comes alone is not held up; the more come at once, the less each costs."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: deque[Waiting] = deque()
        self._working: set[asyncio.Task[None]] = set()

    async def deduct_credits(self, command: DeductCredits) -> Outcome:
        """Committed when it returns. A rejection is an outcome like any other.

        Raises KeyReused, KeyInFlight or ClaimedMeanwhile; or what the database raises, after which it is
        unknown whether the credits were deducted.
        """
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((Deduction.of(command), outcome))
        if len(self._working) < AT_ONCE:
            task = asyncio.create_task(self._work())
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        return await outcome

    async def _work(self) -> None:
        while self._waiting:
            await self._commit(self._take())

    def _take(self) -> list[Waiting]:
        """Repetitions of what is taken wait for the next batch, which finds its answer."""
        taken: dict[tuple[str, str], Waiting] = {}
        transfers = set()
        left: list[Waiting] = []
        while self._waiting and len(taken) < MOST:
            one = self._waiting.popleft()
            name, transfer = one[0][:2], one[0].transfer_id
            if name in taken or transfer in transfers:
                left.append(one)
                continue
            taken[name] = one
            transfers.add(transfer)
        self._waiting.extendleft(reversed(left))
        return list(taken.values())

    async def _commit(self, batch: Sequence[Waiting]) -> None:
        decisions: Sequence[Decided | Exception]
        try:
            async with self._db.autocommit() as tx:
                if len(batch) > 1:
                    decisions = await ledger.deduct_many(tx, [deduction for deduction, _ in batch])
                else:
                    decisions = [await ledger.deduct(tx, batch[0][0])]
        except Exception as error:  # noqa: BLE001  # Whatever it is, somebody waits for it.
            if (
                len(batch) > 1
                and isinstance(error, asyncpg.PostgresError)
                and not isinstance(error, UNREACHABLE)
            ):
                # Nothing was committed, and only one of them may be to blame.
                for one in batch:
                    await self._commit([one])
                return
            decisions = [error] * len(batch)
        for (_, outcome), decided in zip(batch, decisions, strict=True):
            _settle(outcome, decided)


def _settle(outcome: asyncio.Future[Outcome], decided: Decided | Exception) -> None:
    if outcome.done():  # Whoever asked has gone meanwhile.
        return
    if isinstance(decided, Exception):
        outcome.set_exception(decided)
    else:
        outcome.set_result(decided)
