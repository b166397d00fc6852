# ruff: noqa: S608  # All that is put into statements here is our own.
"""Whatever row of the trail is changed, by whoever can change everything, is found and named."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest
from prometheus_client import REGISTRY

from notifier.handlers.audit import Audit, Auditor, Mark
from notifier.handlers.checkpoints import Checkpointer
from notifier.handlers.evidence import Evidence
from notifier.handlers.reads import mark_read_up_to
from notifier.handlers.sealing import Sealer
from services.notifier.tests.changes import (
    FIRST,
    PLACES,
    SIGNED,
    TABLES,
    UNBOUND,
    UNSIGNED,
    Change,
    Scene,
    random_change,
)
from services.notifier.tests.conftest import Fill, Seal, transfer_of
from shared.db import Database, Transaction
from shared.db.database import AnyConnection
from shared.db.provision import ServiceDatabase
from shared.testing.identities import KeyPair
from shared.testing.servers import Servers
from shared.trail import Fault, Problem, Verdict, fingerprint, read_private_key, read_public_key

pytestmark = pytest.mark.servers

CHANGES, EVIDENCE = 1000, 4  # Each fourth is looked for in evidence too.


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
    async def undoing(self) -> AsyncIterator[None]:
        """While ``changing``: one change, which ends with this."""
        assert self._open is not None
        change = self._open.transaction()
        await change.start()
        yield
        await change.rollback()

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[Transaction]:
        assert self._open is not None
        yield Transaction(self._open)

    transaction = autocommit


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
    sealed = await owner.fetch("SELECT user_id, entry_id FROM trail_seal ORDER BY place")
    entries = {user: [row["entry_id"] for row in sealed if row["user_id"] == user] for user in users}
    return Scene(*users, transfers, checkpoints, entries)


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


async def wrong_with(proof: Proof, scene: Scene, change: Change, *, in_evidence: bool) -> object:
    """What is not said of the change, or said of others."""
    rows = {fault.row for fault in await proof.faults()}
    others = [user for user in scene.entries if user != change.user_id]
    is_named = all(rows & names for names in change.names)
    if not is_named or any(row.endswith(f" of user {other}") for row in rows for other in others):
        return rows
    if change.user_id is None or change.shown is None or not in_evidence:
        return None
    problem = await proof.problem(scene, change.user_id)
    beside = await proof.problem(scene, *others)
    is_blamed = beside is not None and (beside.place is not None or "cannot be shown" not in beside.message)
    if is_blamed or problem is None or problem.place != change.shown:
        return problem, beside
    return None


async def test_a_thousand_random_changes_are_all_found_and_named_and_nobody_else_is_blamed(
    intruder: Intruder, scene: Scene, proof: Proof
) -> None:
    random, missed = Random(20), []

    async with intruder.changing() as connection:
        await connection.execute(UNBOUND)
        assert await proof.faults() == []
        assert [await proof.problem(scene, user) for user in scene.entries] == [None, None]
        for number in range(CHANGES):
            change = random_change(random, scene)
            async with intruder.undoing():
                status = await connection.execute(change.statement)
                assert status.endswith(f" {len(change.names)}"), change
                wrong = await wrong_with(proof, scene, change, in_evidence=number % EVIDENCE == 0)
            if wrong is not None:
                missed.append((change, wrong))

    assert missed == []


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
