"""Debits as PostgreSQL's documentation has them: a lock on the row, or SERIALIZABLE and once more."""

from __future__ import annotations

import json
import uuid

import asyncpg

from bench.floor.debit import app_of


async def for_update(pool: asyncpg.Pool, transfer: uuid.UUID, user: str, amount: int) -> int | None:
    """Reads under a lock, decides here, writes."""
    async with pool.acquire() as connection, connection.transaction():
        balance = await connection.fetchval("SELECT balance FROM account WHERE user_id = $1 FOR UPDATE", user)
        return await _book(connection, transfer, user, amount, balance)


async def serializable(pool: asyncpg.Pool, transfer: uuid.UUID, user: str, amount: int) -> int | None:
    """Reads without a lock; a transaction that another got ahead of is tried again as a whole."""
    while True:
        try:
            async with pool.acquire() as connection, connection.transaction(isolation="serializable"):
                balance = await connection.fetchval("SELECT balance FROM account WHERE user_id = $1", user)
                return await _book(connection, transfer, user, amount, balance)
        except asyncpg.SerializationError:
            continue


async def _book(
    connection: asyncpg.pool.PoolConnectionProxy, transfer: uuid.UUID, user: str, amount: int, balance: int
) -> int | None:
    if balance < amount:
        return None
    left = balance - amount
    version = await connection.fetchval(
        "UPDATE account SET balance = $2, version = version + 1 WHERE user_id = $1 RETURNING version",
        user,
        left,
    )
    await connection.execute(
        "INSERT INTO transfer (id, user_id, amount) VALUES ($1, $2, $3)", transfer, user, amount
    )
    await connection.execute(
        "INSERT INTO entry (transfer_id, account, amount) VALUES ($1, $2, $3), ($1, 'revenue', $4)",
        transfer,
        user,
        -amount,
        amount,
    )
    event = {
        "transfer_id": str(transfer),
        "user_id": user,
        "amount": amount,
        "currency": "USD",
        "balance_after": left,
        "version": version,
        "reason": "SMS verification",
        "reference": "bench",
    }
    await connection.execute("INSERT INTO outbox (id, body) VALUES ($1, $2)", uuid.uuid4(), json.dumps(event))
    return left


locking_app = app_of(for_update)
serializable_app = app_of(serializable)
