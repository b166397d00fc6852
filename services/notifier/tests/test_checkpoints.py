"""What is signed is chained, and a row that was changed is found and named in what is exported."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from uuid import uuid4

import pytest

from notifier.handlers.checkpoints import Checkpointer
from notifier.handlers.evidence import Evidence
from notifier.handlers.reads import mark_read_up_to
from notifier.handlers.sealing import Sealer
from services.notifier.tests.conftest import Export, Fill, Seal, transfer_of
from shared.db import Database, Transaction
from shared.db.database import AnyConnection
from shared.db.provision import ServiceDatabase
from shared.testing.identities import KeyPair
from shared.testing.servers import Servers
from shared.trail import START, Verdict, read_private_key

pytestmark = pytest.mark.servers


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
