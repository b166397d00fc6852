# ruff: noqa: S608  # All that is put into statements here is our own.
"""Whatever row of the trail is changed, by whoever can change everything, is found and named."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from notifier.handlers.audit import Audit, Auditor, Mark
from notifier.handlers.checkpoints import Checkpointer
from notifier.handlers.evidence import Evidence
from notifier.handlers.reads import mark_read_up_to
from notifier.handlers.sealing import Sealer
from services.notifier.tests.conftest import Fill, Seal, transfer_of
from shared.db import Database, Transaction
from shared.db.database import AnyConnection
from shared.db.provision import ServiceDatabase
from shared.testing.identities import KeyPair
from shared.testing.servers import Servers
from shared.trail import Fault, Problem, Verdict, fingerprint, read_private_key, read_public_key

pytestmark = pytest.mark.servers

TABLES = ("trail_entry", "trail_seal", "trail_checkpoint")
UNBOUND = """
ALTER TABLE trail_seal ALTER number DROP IDENTITY,
    DROP CONSTRAINT trail_seal_entry_unique, DROP CONSTRAINT trail_seal_number_unique;
ALTER TABLE trail_checkpoint DROP CONSTRAINT trail_checkpoint_up_to_unique
"""


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
            for table in TABLES:
                await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
            self._open = connection
            yield connection
            self._open = None
            await change.rollback()

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[Transaction]:
        assert self._open is not None
        yield Transaction(self._open)

    transaction = autocommit


@dataclass(frozen=True)
class Scene:
    """Two users, with places 1 to 12 under one checkpoint, 13 to 20 under the next.

    Under a third are place 21 of the other, and place 1 of somebody else.
    """

    user_id: str
    other_id: str
    transfers: dict[str, UUID]
    checkpoints: Sequence[int]


PLACES, FIRST = 20, 12


@pytest.fixture
async def scene(
    db: Database, owner: AnyConnection, fill: Fill, seal: Seal, settle: Seal, user_id: str
) -> Scene:
    users, transfers, checkpoints = (user_id, f"{user_id}-other"), {}, []

    async def sign() -> None:
        await settle()
        await seal()
        checkpoints.append(await owner.fetchval("SELECT max(number) FROM trail_checkpoint"))

    for user in users:
        events = await fill(user, FIRST)
        transfers[user] = transfer_of(events[4])
    await sign()
    for user in users:
        async with db.transaction() as tx:
            await mark_read_up_to(tx, user, 9)
        await fill(user, PLACES - FIRST - 1)
    await sign()
    await fill(users[1], 1)
    await fill(f"{user_id}-third", 1)
    await sign()
    return Scene(*users, transfers, checkpoints)


class Proof:
    """What is found in the trail as it is now: by an audit, and in each user's evidence."""

    def __init__(self, audit: Audit, evidence: Evidence, verdict: Callable[[list[bytes]], Verdict]) -> None:
        self._audit, self._evidence, self._verdict = audit, evidence, verdict

    async def faults(self) -> list[Fault]:
        found, step = [], await self._audit.step(Mark())
        while True:
            found += step.faults
            if step.done:
                return found
            step = await self._audit.step(step.mark)

    async def problem(self, scene: Scene, user_id: str) -> Problem | None:
        lines = await self._evidence.lines(user_id, scene.transfers[user_id])
        return self._verdict([line async for line in lines]).problem


@pytest.fixture
def audit_of(sealer: Sealer, trail_key: KeyPair) -> Callable[[Database], Audit]:
    key = read_public_key(trail_key.public)
    return lambda db: Audit(db, sealer, {fingerprint(key): key})


@pytest.fixture
def proof_of(
    audit_of: Callable[[Database], Audit],
    evidence_of: Callable[[Database], Evidence],
    verdict: Callable[[list[bytes]], Verdict],
) -> Callable[[Database], Proof]:
    return lambda db: Proof(audit_of(db), evidence_of(db), verdict)


@pytest.fixture
def proof(proof_of: Callable[[Database], Proof], intruder: Intruder) -> Proof:
    return proof_of(intruder)


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
    "number": "number + 1000000",
}
SIGNED = {
    "number": "number + 1000",
    "at": "at - interval '1 microsecond'",
    "previous": "set_byte(previous, 31, 255 - get_byte(previous, 31))",
    "leaves": "leaves + 1",
    "root": "set_byte(root, 31, 255 - get_byte(root, 31))",
    "key": "reverse(key)",
    "signature": "set_byte(signature, 31, 255 - get_byte(signature, 31))",
}
UNSIGNED = [
    ("after", "after - 1"),
    ("after", "after + 1"),
    ("after", "up_to - 1"),
    ("up_to", "up_to - 1"),
    ("up_to", "up_to + 1"),
    ("settled", "settled + 1000000"),
    ("settled", "-1"),
]


@dataclass(frozen=True)
class Change:
    """A statement over a user ($1), and the first place that it spoils."""

    statement: str
    place: int
    of_number: bool = False  # When it was sealed, which no evidence shows.


def changes() -> Iterator[Change]:
    """Each kind of them at the first place, at some in the middle, and at the newest of each checkpoint."""
    random = Random(20)
    for place in (1, *random.sample(range(2, FIRST), 2), FIRST, FIRST + 1, PLACES):
        seal = f"user_id = $1 AND place = {place}"
        entry = f"id = (SELECT entry_id FROM trail_seal WHERE {seal})"
        other = random.choice([each for each in range(1, PLACES + 1) if each != place])
        for column, value in ENTRY.items():
            yield Change(f"UPDATE trail_entry SET {column} = {value} WHERE {entry}", place)
        for column, value in SEAL.items():
            yield Change(f"UPDATE trail_seal SET {column} = {value} WHERE {seal}", place, column == "number")
        yield Change(f"DELETE FROM trail_entry WHERE {entry}", place)
        yield Change(f"DELETE FROM trail_seal WHERE {seal}", place)
        for column in ("entry_id", "hash", "number"):
            swap = f"""
            UPDATE trail_seal s SET {column} = o.{column} FROM trail_seal o
            WHERE s.user_id = $1 AND o.user_id = $1
                AND (s.place, o.place) IN (({place}, {other}), ({other}, {place}))
            """
            yield Change(swap, min(place, other), column == "number")


async def test_any_entry_or_seal_that_is_changed_is_named_and_nobody_else_is_blamed(
    intruder: Intruder, scene: Scene, proof: Proof
) -> None:
    async with intruder.changing():
        assert await proof.faults() == []
        assert [await proof.problem(scene, user) for user in scene.transfers] == [None, None]
    missed = []

    for change in changes():
        async with intruder.changing() as connection:
            await connection.execute(UNBOUND)
            assert not (await connection.execute(change.statement, scene.user_id)).endswith(" 0")
            faults = await proof.faults()
            problem = await proof.problem(scene, scene.user_id)
            beside = await proof.problem(scene, scene.other_id)
        rows = [fault.row for fault in faults]
        if change.of_number:
            named = (f"seal {change.place + 1} of user {scene.user_id}", f"checkpoint {scene.checkpoints[1]}")
            is_found = any(row in named for row in rows)
        else:
            is_found = bool(rows) and problem is not None and problem.place == change.place
        is_blamed = beside is not None and (
            beside.place is not None or "cannot be shown" not in beside.message
        )
        if not is_found or is_blamed:
            missed.append((change, rows, problem, beside))

    assert missed == []


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE trail_entry SET seq = 99 WHERE {entry}", "entry 7 of user {user}"),
        ("DELETE FROM trail_entry WHERE {entry}", "entry 7 of user {user}"),
        ("DELETE FROM trail_seal WHERE {seal}", "seal 7 of user {user}"),
        ("UPDATE trail_seal SET number = number - 1000000 WHERE {seal}", "seal 7 of user {user}"),
    ],
)
async def test_an_audit_names_the_row_by_its_place(
    intruder: Intruder, scene: Scene, proof: Proof, statement: str, row: str
) -> None:
    seal = f"user_id = '{scene.user_id}' AND place = 7"
    entry = f"id = (SELECT entry_id FROM trail_seal WHERE {seal})"
    async with intruder.changing() as connection:
        await connection.execute(UNBOUND)
        await connection.execute(statement.format(entry=entry, seal=seal))
        rows = [fault.row for fault in await proof.faults()]

    assert row.format(user=scene.user_id) in rows


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize(("column", "value"), [*SIGNED.items(), *UNSIGNED])
async def test_any_checkpoint_that_is_changed_is_named(
    intruder: Intruder, scene: Scene, proof: Proof, at: int, column: str, value: str
) -> None:
    number = scene.checkpoints[at]
    async with intruder.changing() as connection:
        await connection.execute(UNBOUND)
        await connection.execute(f"UPDATE trail_checkpoint SET {column} = {value} WHERE number = $1", number)
        rows = [fault.row for fault in await proof.faults()]
        problem = await proof.problem(scene, scene.user_id)

    assert f"checkpoint {number}" in rows
    if problem is not None:
        assert (problem.place, "checkpoint" in problem.message) == (None, True)
    if column in SIGNED:
        assert (problem is not None) is (at == 1)


@pytest.mark.parametrize("at", [0, 1])
async def test_a_checkpoint_that_is_taken_away_is_named(
    intruder: Intruder, scene: Scene, proof: Proof, at: int
) -> None:
    number = scene.checkpoints[at]
    async with intruder.changing() as connection:
        await connection.execute("DELETE FROM trail_checkpoint WHERE number = $1", number)
        rows = [fault.row for fault in await proof.faults()]
        problem = await proof.problem(scene, scene.user_id)
        beside = await proof.problem(scene, scene.other_id)

    assert rows == [f"checkpoint {number}"]
    assert beside is None
    if at == 1:
        assert problem is not None
        assert problem.message == f"checkpoint {number} is missing from the trail; it covered entry {PLACES}"


async def test_the_newest_seal_that_is_taken_away_is_named_though_it_was_alone_under_its_checkpoint(
    intruder: Intruder, scene: Scene, proof: Proof
) -> None:
    seal = f"user_id = '{scene.other_id}' AND place = {PLACES + 1}"
    async with intruder.changing() as connection:
        await connection.execute(f"DELETE FROM trail_seal WHERE {seal}")
        rows = [fault.row for fault in await proof.faults()]
        problem = await proof.problem(scene, scene.other_id)
        beside = await proof.problem(scene, scene.user_id)

    assert problem is not None
    assert (problem.place, problem.kind) == (PLACES + 1, "dropped")
    assert f"entry {PLACES + 1} has lost its seal" in problem.message
    assert any(row.endswith(f"of user {scene.other_id}") for row in rows)
    assert beside is None


async def test_an_entry_that_is_taken_away_with_its_newest_seal_is_missed_by_an_audit(
    intruder: Intruder, scene: Scene, proof: Proof
) -> None:
    """Nothing of its user's speaks of it any more. The checkpoint does."""
    seal = f"user_id = '{scene.other_id}' AND place = {PLACES + 1}"
    async with intruder.changing() as connection:
        await connection.execute(
            f"DELETE FROM trail_entry WHERE id = (SELECT entry_id FROM trail_seal WHERE {seal})"
        )
        await connection.execute(f"DELETE FROM trail_seal WHERE {seal}")
        rows = [fault.row for fault in await proof.faults()]

    assert f"checkpoint {scene.checkpoints[2]}" in rows


async def test_the_newest_checkpoint_that_is_taken_away_leaves_a_gap_for_ever(
    intruder: Intruder, scene: Scene, proof: Proof, sealer: Sealer, trail_key: KeyPair
) -> None:
    checkpointer = Checkpointer(intruder, sealer, read_private_key(trail_key.private), 0)
    number = scene.checkpoints[2]
    async with intruder.changing() as connection:
        await checkpointer.sign_if_due()  # Nothing is due; it has seen the newest.
        await connection.execute("DELETE FROM trail_checkpoint WHERE number = $1", number)
        assert await proof.faults() == []
        await checkpointer.sign_if_due()
        rows = [fault.row for fault in await proof.faults()]
        problem = await proof.problem(scene, scene.other_id)
        newest = await connection.fetchval("SELECT max(number) FROM trail_checkpoint")

    assert newest == number + 1
    assert rows == [f"checkpoint {number}"]
    assert problem is None


async def test_who_says_that_more_is_settled_hides_nothing_from_a_sealer_that_starts(
    intruder: Intruder, scene: Scene
) -> None:
    async with intruder.changing() as connection:
        await connection.execute(
            "UPDATE trail_checkpoint SET settled = settled + 1000000 WHERE number = $1", scene.checkpoints[2]
        )
        await connection.execute("INSERT INTO trail_entry (user_id, what) VALUES ($1, 'read')", scene.user_id)
        sealed = await Sealer(intruder).seal_batch()

    assert sealed == 1


async def test_who_looks_all_the_time_says_it_by_itself_and_until_it_is_mended(
    intruder: Intruder, scene: Scene, audit_of: Callable[[Database], Audit]
) -> None:
    auditor = Auditor(audit_of(intruder))

    async def missing_seals() -> float | None:
        while not await auditor.look():
            pass
        return REGISTRY.get_sample_value("trail_faults", {"kind": "seal_missing"})

    async with intruder.changing() as connection:
        await connection.execute("DELETE FROM trail_seal WHERE user_id = $1 AND place = 3", scene.user_id)
        broken = await missing_seals()
    async with intruder.changing():
        mended = await missing_seals()

    assert (broken, mended) == (1, 0)
