"""The migrations make exactly the tables, and the service may do no more with them than it must."""

from __future__ import annotations

import asyncpg
import pytest

from notifier.adapters.tables import metadata
from shared.db import Database
from shared.db.database import AnyConnection
from shared.db.provision import ServiceDatabase
from shared.testing.schema import schema_differences

pytestmark = pytest.mark.servers


async def test_migrations_and_tables_do_not_differ(database: ServiceDatabase) -> None:
    assert await schema_differences(database.migration_url, metadata) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE notification SET body = 'something else'",
        "DELETE FROM notification",
        "DELETE FROM inbox",
        "UPDATE inbox SET received_at = now()",
        "DELETE FROM stream",
        "DELETE FROM parked_event",
        "UPDATE trail_entry SET detail = '{}'",
        "DELETE FROM trail_entry",
        "TRUNCATE trail_entry",
        "INSERT INTO trail_entry (user_id, what, at) VALUES ('user-1', 'read', now() - interval '1 day')",
        "UPDATE trail_seal SET place = 2",
        "DELETE FROM trail_seal",
        "TRUNCATE trail_seal",
        "UPDATE trail_checkpoint SET leaves = 2",
        "DELETE FROM trail_checkpoint",
        "TRUNCATE trail_checkpoint",
        "DROP TABLE notification",
        "UPDATE alembic_version SET version_num = '0'",
        "CREATE TABLE mine (x int)",
    ],
)
async def test_the_service_cannot_rewrite_what_was_said(db: Database, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.autocommit() as tx:
            await tx.execute(statement)


@pytest.mark.parametrize("change", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize(
    ("table", "column"), [("trail_entry", "at"), ("trail_seal", "place"), ("trail_checkpoint", "leaves")]
)
async def test_nobody_changes_the_trail(owner: AnyConnection, table: str, column: str, change: str) -> None:
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await owner.execute(change.format(table, column, column))
