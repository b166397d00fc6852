"""The migrations make exactly the tables, and the service may do no more with them than it must."""

from __future__ import annotations

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine

from notifier.adapters.tables import metadata
from shared.db import Database
from shared.db.provision import ServiceDatabase

pytestmark = pytest.mark.servers


async def test_migrations_and_tables_do_not_differ(database: ServiceDatabase) -> None:
    engine = create_async_engine(
        database.migration_url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=pool.NullPool
    )

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE notification SET body = 'something else'",
        "DELETE FROM notification",
        "DELETE FROM inbox",
        "UPDATE inbox SET received_at = now()",
        "DELETE FROM stream",
        "DELETE FROM parked_event",
        "DROP TABLE notification",
        "CREATE TABLE mine (x int)",
    ],
)
async def test_the_service_cannot_rewrite_what_was_said(db: Database, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.autocommit() as tx:
            await tx.execute(statement)
