"""Entries are chained without a hole, whoever seals; a row that was changed is found in what is exported."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from uuid import UUID, uuid4

import pytest

from notifier.adapters import seals
from notifier.handlers.checkpoints import Checkpointer
from notifier.handlers.evidence import Evidence
from notifier.handlers.reads import mark_read_up_to
from notifier.handlers.sealing import Sealer
from notifier.handlers.store import BatchStore
from shared.db import Database, Transaction
from shared.db.database import AnyConnection
from shared.db.provision import ServiceDatabase
from shared.events import Envelope
from shared.testing.deliveries import delivery_of
from shared.testing.identities import KeyPair
from shared.testing.servers import Servers
from shared.testing.waiting import until
from shared.trail import START, Verdict, read_private_key, read_public_key, verify

pytestmark = pytest.mark.servers

Fill = Callable[[str, int], Awaitable[list[Envelope]]]
Store = Callable[[], BatchStore]
Seal = Callable[[], Awaitable[None]]
Export = Callable[[str, UUID], Awaitable[list[bytes]]]


@pytest.fixture
def sealer(db: Database) -> Sealer:
    return Sealer(db)


@pytest.fixture
def seal(db: Database, sealer: Sealer, trail_key: KeyPair) -> Seal:
    """Everything that is there, under a checkpoint."""
    checkpointer = Checkpointer(db, sealer, read_private_key(trail_key.private), 0)

    async def run() -> None:
        while await sealer.seal_batch():
            pass
        await checkpointer.sign_if_due()

    return run


@pytest.fixture
def export(db: Database, trail_key: KeyPair) -> Export:
    evidence = Evidence(db, read_private_key(trail_key.private))

    async def run(user_id: str, transfer_id: UUID) -> list[bytes]:
        return [line async for line in await evidence.lines(user_id, transfer_id)]

    return run


@pytest.fixture
def verdict(trail_key: KeyPair) -> Callable[[list[bytes]], Verdict]:
    key = read_public_key(trail_key.public)
    return lambda lines: verify(lines, key)


@pytest.fixture
async def intruder(servers: Servers, database: ServiceDatabase) -> AsyncIterator[Intruder]:
    url = servers.postgres_url.rpartition("/")[0] + "/" + database.url.rpartition("/")[2]
    pool = Intruder(url, application="intruder")
    await pool.connect()
    yield pool
    await pool.close()


class Intruder(Database):
    """A superuser, who can do everything. What is done while ``changing`` is seen in here, and undone."""

    _open: AnyConnection | None = None

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[AnyConnection]:
        async with self.connection() as connection:
            change = connection.transaction()
            await change.start()
            for table in ("trail_entry", "trail_seal"):
                await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
            self._open = connection
            yield connection
            self._open = None
            await change.rollback()

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[Transaction]:
        assert self._open is not None
        yield Transaction(self._open)


def transfer_of(event: Envelope) -> UUID:
    return UUID(str(event.event().transfer_id))  # type: ignore[attr-defined]  # They are all of money.


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
    added: Callable[..., Envelope],
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


READ = """
SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid))::bigint AS rows
FROM pg_stat_user_indexes WHERE relname = 'trail_seal'
"""


async def test_checkpoints_are_chained_and_there_is_none_where_nothing_came(
    owner: AnyConnection, fill: Fill, seal: Seal, user_id: str
) -> None:
    for _ in range(3):
        await fill(user_id, 2)
        await seal()
    rows = await owner.fetch("SELECT * FROM trail_checkpoint ORDER BY number")
    await seal()

    assert await owner.fetchval("SELECT count(*) FROM trail_checkpoint") == len(rows)
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    assert rows[0]["previous"] == START
    assert [row["after"] for row in rows[1:]] == [row["up_to"] for row in rows[:-1]]


async def test_two_who_sign_at_once_sign_once(
    db: Database, owner: AnyConnection, fill: Fill, sealer: Sealer, trail_key: KeyPair, user_id: str
) -> None:
    key = read_private_key(trail_key.private)
    await fill(user_id, 2)
    while await sealer.seal_batch():
        pass

    signed = await asyncio.gather(*(Checkpointer(db, sealer, key, 0).sign_if_due() for _ in range(4)))
    again = await Checkpointer(db, sealer, key, 3600).sign_if_due()
    await fill(user_id, 1)
    await sealer.seal_batch()
    early = await Checkpointer(db, sealer, key, 3600).sign_if_due()

    assert sorted(signed) == [0, 0, 0, 1]
    assert (again, early) == (0, 0)


async def test_what_came_after_the_checkpoint_is_said_to_be_unsealed(
    fill: Fill, seal: Seal, export: Export, verdict: Callable[[list[bytes]], Verdict], user_id: str
) -> None:
    await fill(user_id, 3)
    await seal()
    [late] = await fill(user_id, 1)

    found = verdict(await export(user_id, transfer_of(late)))

    assert found.good, found.problem
    assert found.bundle is not None
    assert (found.bundle.places, len(found.bundle.entries)) == (3, 0)
    assert [entry.event_id for entry in found.bundle.unsealed] == [late.id]


async def test_that_a_transfer_was_never_told_is_evidence(
    fill: Fill, seal: Seal, export: Export, verdict: Callable[[list[bytes]], Verdict], user_id: str
) -> None:
    await fill(user_id, 3)
    await seal()

    found = verdict(await export(user_id, uuid4()))

    assert found.good
    assert found.bundle is not None
    assert (found.bundle.places, found.bundle.entries, found.bundle.unsealed) == (3, [], [])


MUTATIONS = 150
ENTRY = {  # What a superuser may write in the place of what was written.
    "user_id": "user_id || 'x'",
    "what": "CASE what WHEN 'stored' THEN 'suppressed' ELSE 'stored' END",
    "event_id": "gen_random_uuid()",
    "transfer_id": "gen_random_uuid()",
    "epoch": "coalesce(epoch, 0) + 1",
    "seq": "coalesce(seq, 0) + 1",
    "up_to": "coalesce(up_to, 0) + 1",
    "at": "at - interval '1 microsecond'",
    "detail": 'detail::jsonb || \'{"title": "Nothing"}\'',
}
SEAL = {
    "hash": "set_byte(hash, 31, 255 - get_byte(hash, 31))",
    "place": "place + 1000",
    "user_id": "user_id || 'x'",
    "entry_id": "-entry_id",
}


async def test_any_row_that_a_superuser_changes_is_found_and_named(
    db: Database,
    intruder: Intruder,
    fill: Fill,
    seal: Seal,
    export: Export,
    trail_key: KeyPair,
    verdict: Callable[[list[bytes]], Verdict],
    user_id: str,
) -> None:
    events = await fill(user_id, 12)
    async with db.transaction() as tx:
        await mark_read_up_to(tx, user_id, 9)
    await fill(user_id, 7)
    await seal()
    transfer = transfer_of(events[4])
    clean = verdict(await export(user_id, transfer))
    assert clean.good, clean.problem
    evidence = Evidence(intruder, read_private_key(trail_key.private))
    random, missed = Random(20), []

    for _ in range(MUTATIONS):
        async with intruder.changing() as connection:
            place, change = _a_change(random)
            if "trail_seal o" in change:  # Two at once have the same entry on the way.
                await connection.execute("ALTER TABLE trail_seal DROP CONSTRAINT trail_seal_entry_unique")
            assert not (await connection.execute(change, user_id)).endswith(" 0"), change
            found = verdict([line async for line in await evidence.lines(user_id, transfer)]).problem
        if found is None or found.place != place:
            missed.append((place, change, found))

    assert missed == []
    assert verdict(await export(user_id, transfer)).good


def _a_change(random: Random) -> tuple[int, str]:
    """The first place that it spoils, and the statement over a user ($1)."""
    place, other = random.sample(range(1, 21), 2)
    seal = f"user_id = $1 AND place = {place}"
    entry = f"id = (SELECT entry_id FROM trail_seal WHERE {seal})"  # noqa: S608  # All our own.
    column, value = random.choice(list(ENTRY.items()))
    sealed, forged = random.choice(list(SEAL.items()))
    swapped = random.choice(["entry_id", "hash"])
    statement = random.choice(
        [
            f"UPDATE trail_entry SET {column} = {value} WHERE {entry}",  # noqa: S608
            f"UPDATE trail_seal SET {sealed} = {forged} WHERE {seal}",  # noqa: S608
            f"DELETE FROM trail_entry WHERE {entry}",  # noqa: S608
            f"DELETE FROM trail_seal WHERE {seal}",  # noqa: S608
            f"""
            UPDATE trail_seal s SET {swapped} = o.{swapped} FROM trail_seal o
            WHERE s.user_id = $1 AND o.user_id = $1
                AND (s.place, o.place) IN (({place}, {other}), ({other}, {place}))
            """,  # noqa: S608
        ]
    )
    return (min(place, other) if "FROM trail_seal o" in statement else place), statement
