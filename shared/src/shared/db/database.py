"""A small asyncpg pool and transactions that are visible where they begin and end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import orjson
from sqlalchemy.dialects.postgresql.asyncpg import dialect

if TYPE_CHECKING:
    from asyncpg import Connection, Pool, Record
    from sqlalchemy import Executable

_DIALECT = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy does not type it.
# The database is away or was just restarted; whether a statement in flight took effect is unknown.
UNREACHABLE = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.InterfaceError,
    # A session that is ended between two statements leaves asyncpg in a state it does not expect.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
)


class Contended(Exception):
    """Somebody else was in the way; the same transaction may succeed a moment later."""


CONTENTION = (
    Contended,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
CLOSE_SECONDS = 5.0


class Transaction:
    """An open transaction. Whoever opened it commits it; everything inside takes it first."""

    __slots__ = ("connection",)

    def __init__(self, connection: AnyConnection) -> None:
        self.connection = connection

    async def run(self, statement: Executable) -> list[Record]:
        """Run a SQLAlchemy Core statement and return its rows. For cold statements; hot ones are SQL text."""
        text, arguments = _compiled(statement)
        return await self.connection.fetch(text, *arguments)

    async def fetch(self, sql: str, *arguments: object) -> list[Record]:
        return await self.connection.fetch(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: object) -> Record | None:
        return await self.connection.fetchrow(sql, *arguments)

    async def execute(self, sql: str, *arguments: object) -> str:
        return await self.connection.execute(sql, *arguments)


class Database:
    """The service's own database.

    The pool stays small: more connections make a hot row slower.
    """

    def __init__(self, url: str, *, application: str, pool_size: int = 8) -> None:
        self._url = url
        self._application = application
        self._pool_size = pool_size
        self._pool: AnyPool | None = None

    async def connect(self) -> None:
        """Open the pool. Raises OSError or asyncpg.PostgresError when the database cannot be had."""
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=self._pool_size,
            timeout=5,
            command_timeout=30,
            max_inactive_connection_lifetime=300,
            init=_prepare_connection,
            reset=_keep_session,
            server_settings={
                "application_name": self._application,
                "idle_in_transaction_session_timeout": "30s",
                "jit": "off",  # Compiling a statement takes longer than any of ours runs.
                "lock_timeout": "5s",
                "statement_timeout": "30s",
                "timezone": "UTC",
            },
        )

    async def close(self) -> None:
        """Give connections that are in use a few seconds to come back, then cut them."""
        if self._pool is None:
            return
        try:
            await asyncio.wait_for(self._pool.close(), CLOSE_SECONDS)
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AnyConnection]:
        """A connection outside a transaction: each statement commits by itself, in one round trip."""
        assert self._pool is not None, "connect() comes first"
        async with self._pool.acquire(timeout=10) as connection:
            yield connection  # type: ignore[misc]  # The proxy is a Connection to its users.

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A READ COMMITTED transaction: committed when the block ends, rolled back when it raises."""
        async with self.connection() as connection, connection.transaction():
            yield Transaction(connection)

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[Transaction]:
        """For a single statement, which is its own transaction."""
        async with self.connection() as connection:
            yield Transaction(connection)

    async def probe(self) -> None:
        """Raises what connecting raises when the database does not answer."""
        async with self.connection() as connection:
            await connection.fetchval("SELECT 1")


async def _keep_session(_: AnyConnection) -> None:
    """Nothing here changes a session, and asyncpg's own reset is a round trip after every statement."""


async def _prepare_connection(connection: AnyConnection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=_dumps, decoder=orjson.loads, format="text"
        )


def _dumps(value: object) -> str:
    return orjson.dumps(value).decode()


def _compiled(statement: Executable) -> tuple[str, Sequence[object]]:
    compiled = statement.compile(  # type: ignore[attr-defined]  # Every Core statement has it.
        dialect=_DIALECT, compile_kwargs={"render_postcompile": True}
    )
    parameters = compiled.params
    return str(compiled), [parameters[name] for name in compiled.positiontup or ()]


if TYPE_CHECKING:
    AnyConnection: TypeAlias = Connection[Record]
    AnyPool: TypeAlias = Pool[Record]
else:
    AnyConnection = AnyPool = Any
