"""Entries are chained without a hole, whoever seals and however late they are seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from uuid import UUID, uuid4

import pytest

from notifier.adapters import seals
from notifier.handlers.reads import mark_read_up_to
from notifier.handlers.sealing import Sealer
from services.notifier.tests.conftest import CreditAdder, Export, Fill, Seal, Store, transfer_of
from shared.db import Database
from shared.db.database import AnyConnection
from shared.testing.deliveries import delivery_of
from shared.testing.waiting import until
from shared.trail import Verdict

pytestmark = pytest.mark.servers

READ = """
SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid))::bigint AS rows
FROM pg_stat_user_indexes WHERE relname = 'trail_seal'
"""


async def chains(owner: AnyConnection, users: list[str]) -> dict[str, list[tuple[int, int]]]:
    rows = await owner.fetch(
        "SELECT user_id, place, entry_id FROM trail_seal WHERE user_id = ANY($1) ORDER BY user_id, place",
        users,
    )
    found: dict[str, list[tuple[int, int]]] = {user: [] for user in users}
    for row in rows:
        found[row["user_id"]].append((row["place"], row["entry_id"]))
    return found


async def until_settled(owner: AnyConnection, sealer: Sealer) -> None:
    """Transactions that are open elsewhere hold it up."""
    newest = await owner.fetchval("SELECT max(id) FROM trail_entry")

    async def settled() -> bool:
        await sealer.seal_batch()
        return bool(sealer.settled == newest)

    await until(settled)


async def test_two_who_seal_while_three_write_leave_no_hole_and_nothing_double(
    db: Database,
    owner: AnyConnection,
    lane_store: Store,
    added: CreditAdder,
    export: Export,
    seal: Seal,
    verdict: Callable[[list[bytes]], Verdict],
) -> None:
    users = [f"user-{uuid4()}" for _ in range(20)]
    chosen, writing = Random(3), asyncio.Event()
    last: dict[str, UUID] = {}

    async def write() -> None:
        for _ in range(10):
            events = [added(chosen.choice(users)) for _ in range(40)]
            last.update((event.subject, transfer_of(event)) for event in events)
            await lane_store().handle([delivery_of(event) for event in events])
            async with db.transaction() as tx:
                await mark_read_up_to(tx, chosen.choice(users), 1000)

    async def keep_sealing() -> None:
        sealer = Sealer(db)
        while not writing.is_set():
            await sealer.seal_batch()
            await asyncio.sleep(0)

    sealing = [asyncio.create_task(keep_sealing()) for _ in range(2)]
    await asyncio.gather(*(write() for _ in range(3)))
    writing.set()
    await asyncio.gather(*sealing)
    await seal()

    ids = await owner.fetch("SELECT user_id, id FROM trail_entry WHERE user_id = ANY($1)", users)
    for user, chain in (await chains(owner, users)).items():
        assert [place for place, _ in chain] == list(range(1, len(chain) + 1))
        assert sorted(id_ for _, id_ in chain) == sorted(row["id"] for row in ids if row["user_id"] == user)
        found = verdict(await export(user, last[user]))
        assert found.good, found.problem
        assert found.bundle is not None
        assert found.bundle.places == len(chain)


async def test_an_entry_that_was_written_early_and_is_seen_late_is_sealed_all_the_same(
    db: Database, owner: AnyConnection, fill: Fill, sealer: Sealer, user_id: str
) -> None:
    slow = f"user-{uuid4()}"
    while await sealer.seal_batch():
        pass
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO trail_entry (user_id, what) VALUES ($1, 'read')", slow)
        for _ in range(5):  # Others' entries, which come after it and are seen before.
            await fill(user_id, 1)
            await sealer.seal_batch()
        settled = sealer.settled
    await sealer.seal_batch()

    found = await chains(owner, [slow, user_id])
    assert [place for place, _ in found[slow]] == [1]
    assert len(found[user_id]) == 5
    assert settled is not None
    assert settled < found[slow][0][1]


async def test_what_is_settled_is_looked_at_no_more_and_a_restart_begins_there(
    db: Database, fill: Fill, sealer: Sealer, seal: Seal, owner: AnyConnection, user_id: str
) -> None:
    await fill(user_id, 10)
    await until_settled(owner, sealer)
    settled = sealer.settled
    await fill(user_id, 1)
    await seal()

    again = Sealer(db)
    await again.seal_batch()

    kept = await owner.fetchval("SELECT settled FROM trail_checkpoint ORDER BY number DESC LIMIT 1")
    assert again.settled == kept
    assert settled is not None
    assert kept >= settled


async def test_a_late_replica_keeps_up_with_what_the_other_has_sealed(
    db: Database, fill: Fill, owner: AnyConnection, user_id: str
) -> None:
    """It seals nothing itself, and must not look at ever more."""
    busy, idle = Sealer(db), Sealer(db)
    await fill(user_id, 20)
    while await busy.seal_batch():
        pass

    await until_settled(owner, idle)


async def test_what_is_seen_late_is_sealed_though_batches_went_past_it(
    db: Database, owner: AnyConnection, fill: Fill, sealer: Sealer, user_id: str
) -> None:
    slow = f"user-{uuid4()}"
    await until_settled(owner, sealer)
    sealer.BATCH = 2
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO trail_entry (user_id, what) VALUES ($1, 'read')", slow)
        await fill(user_id, 7)
        first = [await sealer.seal_batch(), await sealer.seal_batch()]
    rest = [await sealer.seal_batch() for _ in range(4)]

    found = await chains(owner, [slow, user_id])
    assert (first, rest) == ([2, 2], [2, 1, 1, 0])
    assert [place for place, _ in found[slow]] == [1]
    assert [place for place, _ in found[user_id]] == list(range(1, 8))


async def test_what_tells_of_an_entry_that_was_seen_late_has_its_place_after_it(
    db: Database, owner: AnyConnection, fill: Fill, sealer: Sealer, user_id: str
) -> None:
    await until_settled(owner, sealer)
    sealer.BATCH = 2
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO trail_entry (user_id, what) VALUES ($1, 'stored')", user_id)
        await fill(f"user-{uuid4()}", 5)
        await sealer.seal_batch()
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO trail_entry (user_id, what) VALUES ($1, 'pushed')", user_id)
    for _ in range(6):
        await sealer.seal_batch()

    [first, second] = [entry_id for _, entry_id in (await chains(owner, [user_id]))[user_id]]
    assert first < second


async def test_to_find_what_is_due_reads_nothing_of_what_was_sealed_before(
    db: Database, fill: Fill, sealer: Sealer, user_id: str
) -> None:
    """Or sealing would take longer the longer the trail has grown."""
    await fill(user_id, 1000)
    while await sealer.seal_batch():
        pass

    async with db.transaction() as tx:
        await seals.begin(tx)
        last = await tx.fetchrow("SELECT max(entry_id) AS id FROM trail_seal")
        before = await tx.fetchrow(READ)
        assert last is not None
        assert await seals.due(tx, last["id"] - 5, last["id"], 10) == []
        after = await tx.fetchrow(READ)

    assert before is not None
    assert after is not None
    assert after["rows"] - before["rows"] <= 5
