"""What the database refuses, whoever asks: facts are not changed, nothing is deleted, success stays."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest

from payment.adapters.tables import metadata
from shared.references import reference_of
from shared.testing.schema import schema_differences

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from services.payment.tests.desk import Desk
    from shared.db.provision import ServiceDatabase


async def test_the_migrated_schema_is_the_one_the_code_knows(database: ServiceDatabase) -> None:
    assert await schema_differences(database.migration_url, metadata) == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM payment",
        "DELETE FROM webhook",
        "DELETE FROM provider_refund",
        "TRUNCATE payment",
        "UPDATE payment SET amount_minor = 1",
        "UPDATE payment SET user_id = 'me'",
        "UPDATE payment SET transfer_id = id",
        "UPDATE payment SET reference = 'x'",
        "UPDATE webhook SET kind = 'other'",
        "UPDATE webhook SET event_id = ''",
        "UPDATE provider_refund SET amount_minor = 1",
        "UPDATE alembic_version SET version_num = '0'",
        "ALTER TABLE payment DISABLE TRIGGER ALL",
        "DROP TRIGGER keep_success ON payment",
        "CREATE TABLE mine (a int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SET session_replication_role = replica",
    ],
)
async def test_the_service_may_not_change_facts_nor_its_guards(desk: Desk, statement: str) -> None:
    async with desk.db.autocommit() as tx:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tx.execute(statement)


@pytest.mark.parametrize(
    ("state", "to"),
    [
        ("succeeded", "failed"),
        ("succeeded", "pending"),
        ("completed", "succeeded"),
        ("completed", "requires_review"),
    ],
)
async def test_not_even_the_owner_undoes_a_success(
    desk: Desk, owner: Connection[Record], state: str, to: str
) -> None:
    payment = await desk.begin()
    await owner.execute("UPDATE payment SET state = $2 WHERE id = $1", payment.id, state)

    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute("UPDATE payment SET state = $2 WHERE id = $1", payment.id, to)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("amount_minor = 0", "payment_amount_positive"),
        ("currency = 'US'", "payment_currency"),
        ("state = 'paid'", "payment_state"),
    ],
)
async def test_a_payment_that_makes_no_sense_is_refused(
    desk: Desk, owner: Connection[Record], change: str, constraint: str
) -> None:
    payment = await desk.begin()

    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await owner.execute(f"UPDATE payment SET {change} WHERE id = $1", payment.id)  # noqa: S608  # Ours.

    assert refused.value.constraint_name == constraint


@pytest.mark.parametrize("column", ["reference", "transfer_id", "provider_id"])
async def test_no_two_payments_are_the_same_to_anybody(
    desk: Desk, owner: Connection[Record], column: str
) -> None:
    one, other = await desk.begin(), await desk.begin()

    with pytest.raises(asyncpg.UniqueViolationError):
        await owner.execute(
            f"UPDATE payment SET {column} = (SELECT {column} FROM payment WHERE id = $2) WHERE id = $1",  # noqa: S608
            one.id,
            other.id,
        )


async def test_nobody_gets_a_reference_that_is_taken(desk: Desk, owner: Connection[Record]) -> None:
    key = uuid4()
    reference = reference_of("PAY", key)
    other = await desk.begin()
    await owner.execute("UPDATE payment SET reference = $2 WHERE id = $1", other.id, reference)

    with pytest.raises(asyncpg.UniqueViolationError) as refused:
        await desk.begin(key=key)

    assert refused.value.constraint_name == "payment_reference_key"
