"""What the database refuses, whoever asks: the ledger balances, is only added to, and cannot be overdrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg
import pytest

from credit.adapters.tables import metadata
from shared.testing.schema import schema_differences

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from services.credit.tests.conftest import Api, Ledger
    from shared.db.provision import ServiceDatabase

TRANSFER = """
    INSERT INTO transfer
        (id, kind, user_id, currency, amount_minor, reason, balance_after, held_after, version, event_id)
    VALUES ($1, 'deduction', 'u', 'USD', 100, 'r', 0, 0, 1, $1)
"""
ENTRIES = """
    INSERT INTO entry (transfer_id, leg, user_id, system_account, currency, amount_minor)
    VALUES ($1, 1, 'u', NULL, $2, $3), ($1, 2, NULL, 'revenue', $4, $5)
"""


async def transfer(connection: Connection[Record]) -> UUID:
    transfer_id = uuid4()
    await connection.execute(TRANSFER, transfer_id)
    return transfer_id


@pytest.mark.parametrize(
    ("currency", "mine", "other_currency", "theirs"),
    [
        ("USD", -100, "USD", 99),
        ("USD", -100, "USD", 101),
        ("USD", -100, "EUR", 100),
        ("EUR", -100, "EUR", 100),
    ],
)
async def test_entries_that_do_not_sum_to_zero_are_refused(
    ledger: Ledger, currency: str, mine: int, other_currency: str, theirs: int
) -> None:
    transfer_id = await transfer(ledger.connection)

    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await ledger.connection.execute(ENTRIES, transfer_id, currency, mine, other_currency, theirs)

    assert refused.value.constraint_name == "entries_sum_to_zero"


async def test_entries_written_one_by_one_are_refused(ledger: Ledger) -> None:
    transfer_id = await transfer(ledger.connection)

    with pytest.raises(asyncpg.CheckViolationError, match="sum to zero"):
        await ledger.connection.execute(
            "INSERT INTO entry (transfer_id, leg, user_id, currency, amount_minor)"
            " VALUES ($1, 1, 'u', 'USD', -1)",
            transfer_id,
        )


async def test_entries_copied_in_are_checked_too(ledger: Ledger) -> None:
    transfer_id = await transfer(ledger.connection)

    with pytest.raises(asyncpg.CheckViolationError, match="sum to zero"):
        await ledger.connection.copy_records_to_table(
            "entry",
            columns=["transfer_id", "leg", "user_id", "currency", "amount_minor"],
            records=[(transfer_id, 1, "u", "USD", -1)],
        )


async def test_entries_without_their_transfer_are_refused(ledger: Ledger) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="sum to zero"):
        await ledger.connection.execute(ENTRIES, uuid4(), "USD", -100, "USD", 100)


async def test_a_transfer_takes_no_further_entries(api: Api, ledger: Ledger) -> None:
    user = await api.user_with("5.00")
    booked = (await api.debit(user, "1.00")).json()["transfer_id"]

    with pytest.raises(asyncpg.UniqueViolationError):
        await ledger.connection.execute(ENTRIES, UUID(booked), "USD", -100, "USD", 100)


@pytest.mark.parametrize("table", ["entry", "transfer"])
@pytest.mark.parametrize("change", ["UPDATE {} SET currency = 'EUR'", "DELETE FROM {}", "TRUNCATE {}"])
async def test_the_service_may_only_add_to_the_ledger(ledger: Ledger, table: str, change: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ledger.connection.execute(change.format(table))


@pytest.mark.parametrize("table", ["entry", "transfer"])
@pytest.mark.parametrize(
    "change", ["UPDATE {} SET currency = 'EUR' WHERE false", "DELETE FROM {}", "TRUNCATE {}"]
)
async def test_not_even_the_owner_changes_what_is_written(
    owner: Connection[Record], table: str, change: str
) -> None:
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await owner.execute(change.format(table))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM account",
        "DELETE FROM hold",
        "TRUNCATE account CASCADE",
        "UPDATE alembic_version SET version_num = '0'",
        "ALTER TABLE entry DISABLE TRIGGER ALL",
        "DROP TRIGGER append_only ON entry",
        "CREATE TABLE mine (a int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER FUNCTION refuse_change() RENAME TO refused_once",
        "SET session_replication_role = replica",
    ],
)
async def test_the_service_cannot_take_its_guards_away(ledger: Ledger, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ledger.connection.execute(statement)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("posted = -1", "account_available_not_negative"),
        ("held = posted + 1", "account_available_not_negative"),
        ("held = -1", "account_held_not_negative"),
        ("low_balance_threshold = -1", "account_threshold_not_negative"),
    ],
)
async def test_an_account_cannot_be_overdrawn(api: Api, ledger: Ledger, change: str, constraint: str) -> None:
    user = await api.user_with("5.00")

    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await ledger.connection.execute(f"UPDATE account SET {change} WHERE user_id = $1", user)  # noqa: S608  # Ours.

    assert refused.value.constraint_name == constraint


async def test_the_migrated_schema_is_the_one_the_code_knows(database: ServiceDatabase) -> None:
    assert await schema_differences(database.migration_url, metadata) == []
