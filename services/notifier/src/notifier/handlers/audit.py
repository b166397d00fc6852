"""Checks the whole trail as it is kept: nothing in it was altered or taken away, whoever could do that."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, get_args

from prometheus_client import Gauge

from notifier.adapters import audit, seals
from notifier.handlers.checkpoints import Checkpointer
from notifier.handlers.sealing import Sealer
from shared.db import Database
from shared.db.sweep import sweep
from shared.observability.logs import get_logger
from shared.pages import InvalidCursor
from shared.trail import START, Fault, FaultKind, NotCanonical, PublicKey, Signed, check_signed, link, root

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.db import Transaction

log = get_logger(__name__)

FAULTS = Gauge("trail_faults", "Rows of the trail that were found wrong at the last look.", ["kind"])

_MARK = re.compile(r"\d{1,19}\.-?\d{1,19}\.-?\d{1,19}", re.ASCII)
LAST = 2**63 - 1
FIRST = -LAST  # What somebody puts in by hand may have any number.


@dataclass(frozen=True, slots=True)
class Mark:
    """How far an audit came: checkpoints and seals by their numbers, entries by their ids."""

    checkpoint: int = 0
    seal: int = FIRST
    entry: int = FIRST

    def __str__(self) -> str:
        return f"{self.checkpoint}.{self.seal}.{self.entry}"

    @classmethod
    def parse(cls, text: str) -> Mark:
        """Raises InvalidCursor."""
        numbers = [int(each) for each in text.split(".")] if _MARK.fullmatch(text) else []
        if not numbers or not all(FIRST <= each <= LAST for each in numbers):
            raise InvalidCursor("the cursor is not one of ours")
        return cls(*numbers)


@dataclass(frozen=True, slots=True)
class Step:
    """What was found between two marks."""

    mark: Mark
    faults: list[Fault] = field(default_factory=list)
    signed: Signed | None = None  # The checkpoint that was looked at.
    seals: int = 0
    done: bool = False


@dataclass(slots=True)
class Page:
    """What some steps have found: of the faults the first of each kind."""

    mark: Mark
    faults: dict[FaultKind, Fault] = field(default_factory=dict)
    signed: list[Signed] = field(default_factory=list)
    seals: int = 0
    done: bool = False

    def add(self, step: Step) -> None:
        for fault in step.faults:
            self.faults.setdefault(fault.kind, fault)
        if step.signed is not None:
            self.signed.append(step.signed)
        self.mark, self.done, self.seals = step.mark, step.done, self.seals + step.seals


class Audit:
    """Seals are looked at each beside the one before it, so that nothing has to be remembered of a user."""

    SEALS = 100  # At once: 3 ms of this process.
    ENTRIES = 2_000
    PAGE_SECONDS = 2.0
    PAGE_CHECKPOINTS = 500
    RESTS = 3

    def __init__(self, db: Database, sealer: Sealer, keys: Mapping[str, PublicKey]) -> None:
        """``keys`` are those that may have signed, by their fingerprints."""
        self._db = db
        self._sealer = sealer
        self._keys = keys

    async def step(self, mark: Mark) -> Step:
        """The next seals, or the checkpoint over those before, or the next entries."""
        async with self._db.transaction() as tx:
            await audit.prepare(tx)
            last, checkpoint = await audit.checkpoints(tx, mark.checkpoint)
            up_to = LAST if checkpoint is None else checkpoint["up_to"]
            rows = await audit.seals(tx, mark.seal, up_to, self.SEALS)
            if rows:
                reached = replace(mark, seal=rows[-1]["number"])
                return Step(reached, [fault for row in rows for fault in _seal(row)], seals=len(rows))
            if checkpoint is not None:
                reached = replace(mark, checkpoint=checkpoint["number"])
                return Step(
                    reached, await self._checkpoint(tx, checkpoint, last), seals.signed_of(checkpoint)
                )
            # Known before the entries are read: none up to it is sealed meanwhile.
            settled = max(await seals.settled(tx), self._sealer.settled or 0)
            return await self._entries(tx, mark, settled)

    async def page(self, mark: Mark) -> Page:
        """As many steps as fit in two seconds; what waits for the loop has three quarters of them."""
        clock = asyncio.get_running_loop().time
        page, until = Page(mark), clock() + self.PAGE_SECONDS
        while not page.done and len(page.signed) < self.PAGE_CHECKPOINTS and clock() < until:
            began = clock()
            page.add(await self.step(page.mark))
            await asyncio.sleep(self.RESTS * (clock() - began))
        return page

    async def _checkpoint(self, tx: Transaction, row: Record, last: Record | None) -> list[Fault]:
        signed = seals.signed_of(row)
        faults = list(
            check_signed(signed, None if last is None else seals.signed_of(last).checkpoint, self._keys)
        )
        number, most = row["number"], Checkpointer.SEALS_AT_MOST
        begins, settled = (0, 0) if last is None else (last["up_to"], last["settled"])
        follows = number == (1 if last is None else last["number"] + 1)
        reach = await audit.reach(tx, row["after"], row["up_to"], row["settled"], most + 1)
        if reach["up_to"] != row["up_to"] or (follows and row["after"] != begins):
            faults.append(_altered(number, "its seals do not begin and end where it says"))
        if row["settled"] < settled or not reach["is_settled"]:
            faults.append(
                _altered(number, f"no seal under it is of entry {row['settled']}, up to which it has all")
            )
        if reach["seals"] <= most:
            heads = await seals.heads(tx, row["after"], row["up_to"])
            top = await asyncio.to_thread(lambda: root([head.leaf() for head in heads]))
            if (len(heads), top) != (signed.checkpoint.leaves, signed.checkpoint.root):
                message = (
                    f"{signed.checkpoint.leaves} chains were signed; the {len(heads)} that are there differ"
                )
                faults.append(Fault("checkpoint_unmatched", f"checkpoint {number}", message))
        return faults

    async def _entries(self, tx: Transaction, mark: Mark, settled: int) -> Step:
        found = await audit.unsealed(tx, mark.entry, settled, self.ENTRIES)
        if found["reached"] is None:
            return Step(mark, done=True)
        faults = [
            Fault("entry_unsealed", f"the entry with id {id_} of user {user}", "it had a seal, and has none")
            for id_, user in zip(found["ids"] or (), found["users"] or (), strict=True)
        ]
        return Step(replace(mark, entry=found["reached"]), faults)


def _altered(number: int, message: str) -> Fault:
    return Fault("checkpoint_altered", f"checkpoint {number}", message)


def _seal(row: Record) -> Iterator[Fault]:
    place, user = row["place"], row["owner"]
    is_alone = place > 1 and row["before"] is None
    if is_alone:
        missing = (row["last"] or 0) + 1
        yield Fault("seal_missing", f"seal {missing} of user {user}", f"what comes next is seal {place}")
    elif row["number"] <= (row["number_before"] or 0):  # Which of the two was changed, nothing says.
        for each in range(max(1, place - 1), place + 1):
            yield Fault(
                "seal_altered",
                f"seal {each} of user {user}",
                f"seal {place} is not numbered above what comes before it",
            )
    if row["id"] is None:
        yield Fault("entry_missing", f"entry {place} of user {user}", "its seal is there")
    elif row["user_id"] != user or not (is_alone or _is_as_sealed(row)):
        yield Fault(
            "entry_altered", f"entry {place} of user {user}", "it is not what was sealed at that place"
        )


def _is_as_sealed(row: Record) -> bool:
    sealed: bytes = row["sealed"]
    try:
        digest = seals.entry_of(row, row["place"]).digest()
    except NotCanonical:  # We write no such entry.
        return False
    return link(row["before"] or START, digest) == sealed


class Auditor:
    """Looks through the whole trail again and again, in a fiftieth of the time."""

    RESTS = 49
    EVERY_SECONDS = 60.0

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._mark = Mark()
        self._found: Counter[FaultKind] = Counter()
        self._before: Counter[FaultKind] = Counter()  # In the round before.

    async def run(self) -> None:
        await sweep(self._look_and_rest, size=1, every_seconds=self.EVERY_SECONDS, failed="trail.not_audited")

    async def _look_and_rest(self) -> int:
        clock = asyncio.get_running_loop().time
        began = clock()
        done = await self.look()
        await asyncio.sleep(self.RESTS * (clock() - began))
        return 0 if done else 1

    async def look(self) -> bool:
        """One step. Returns whether it was the last of a round."""
        step = await self._audit.step(self._mark)
        for fault in step.faults:
            self._found[fault.kind] += 1
            if self._found[fault.kind] == 1 and not self._before[fault.kind]:
                log.critical("trail.fault", kind=fault.kind, row=fault.row, reason=fault.message)
        for kind in get_args(FaultKind):
            FAULTS.labels(kind).set(
                self._found[kind] if step.done else max(self._found[kind], self._before[kind])
            )
        self._mark = step.mark
        if step.done:
            self._mark, self._found, self._before = Mark(), Counter(), self._found
        return step.done
