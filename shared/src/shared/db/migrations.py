"""Alembic, one history per service, run by its owner role and never by the service itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from alembic import command, context
from alembic.config import Config
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import create_async_engine

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData


def upgrade(url: str, package: str) -> None:
    """Bring the database at ``url`` to the newest revision of ``package`` (``credit.adapters.migrations``).

    Must be called where no event loop runs. Raises what the database raises; a revision is all or nothing.
    """
    config = Config()
    config.set_main_option("script_location", package.replace(".", ":", 1).replace(".", "/"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    command.upgrade(config, "head")


def run_env(metadata: MetaData) -> None:
    """What each service's ``env.py`` calls."""
    url: str = context.config.attributes["url"]

    def migrate(connection: Connection) -> None:
        context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
        with context.begin_transaction():
            context.run_migrations()

    async def run() -> None:
        engine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=pool.NullPool
        )
        async with engine.begin() as connection:
            await connection.run_sync(migrate)
        await engine.dispose()

    asyncio.run(run())
