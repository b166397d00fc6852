"""What is signed is chained, and a row that was changed is found and named in what is exported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import uuid4

import pytest

from notifier.adapters import seals, timeline
from notifier.handlers.checkpoints import Checkpointer
from notifier.handlers.sealing import Sealer
from services.notifier.tests.conftest import Export, Fill, Seal, transfer_of
from shared.db import Database
from shared.db.database import AnyConnection
from shared.testing.identities import KeyPair
from shared.trail import START, Verdict, read_private_key

pytestmark = pytest.mark.servers

READ = """
SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid))::bigint AS rows
FROM pg_stat_user_indexes WHERE relname IN ('trail_entry', 'trail_seal')
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


async def test_what_came_after_the_cover_is_found_without_reading_what_came_before(
    db: Database, owner: AnyConnection, fill: Fill, seal: Seal, settle: Seal, user_id: str
) -> None:
    """Or the export of a long trail would be cut short."""
    await fill(user_id, 1000)
    await settle()
    await seal()
    await fill(user_id, 3)
    await seal()
    [late] = await fill(user_id, 1)
    await owner.execute("ANALYZE trail_entry, trail_seal, trail_checkpoint")

    async with db.transaction() as tx:
        await seals.wait(tx)
        cover = await timeline.cover(tx, user_id)
        before = await tx.fetchrow(READ)
        rows = await timeline.later(tx, user_id, cover["place"], cover["settled_before"])
        after = await tx.fetchrow(READ)

    assert [row["event_id"] for row in rows] == [late.id]
    assert before is not None
    assert after is not None
    assert after["rows"] - before["rows"] < 100
