"""A database with nothing but shared's own tables."""

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from shared.db import Database
from shared.db.errands import errand_columns
from shared.db.provision import provision
from shared.http.idempotency import idempotency_functions, idempotency_table
from shared.inbox import inbox_table, parked_event_table
from shared.outbox import outbox_table, sent_table
from shared.testing.namespace import Namespace

ERRAND = sa.Table(
    "errand",
    sa.MetaData(),
    sa.Column("id", postgresql.UUID(as_uuid=True), primary_key=True),
    *errand_columns(),
)


@pytest.fixture(scope="session")
async def db(namespace: Namespace) -> AsyncIterator[Database]:
    made = await provision(
        namespace.servers.postgres_url,
        "shared",
        database=f"{namespace.name}_shared",
        role_prefix=f"{namespace.name}_",
        password=namespace.password,
        owner_password=namespace.password,
    )
    owner = Database(made.migration_url, application="tests-owner", pool_size=1)
    await owner.connect()
    metadata = sa.MetaData()
    tables = [
        make(metadata)
        for make in (outbox_table, sent_table, inbox_table, parked_event_table, idempotency_table)
    ]
    tables.append(ERRAND.to_metadata(metadata))
    async with owner.transaction() as tx:
        for table in tables:
            await tx.execute(
                str(
                    CreateTable(table).compile(
                        dialect=postgresql.dialect()  # type: ignore[no-untyped-call]
                    )
                )
            )
        for function in idempotency_functions():
            await tx.execute(function)
    await owner.close()
    service = Database(made.url, application="tests")
    await service.connect()
    yield service
    await service.close()
