"""Histories of thousands, written as the credit service writes them and told as it tells them, in seconds."""

from __future__ import annotations

import asyncpg

from bench.product.writer import Config, open_writer
from ledgerbell.stack import Stack
from shared.testing.waiting import until

DEBITS_A_COMMIT = 100
WITHIN_SECONDS = 120.0
LOOK_EVERY_SECONDS = 0.1


async def debit_many(stack: Stack, user_id: str, count: int) -> None:
    """Debit the user's dollar account by a cent ``count`` times; returns once all are in their history.

    The account must have the money, and no threshold for warnings that this would cross.
    """
    commits, rest = divmod(count, DEBITS_A_COMMIT)
    config = Config(stack.database_url("credit"), stack.corner.broker_url("credit"))
    async with open_writer(config) as writer:
        await writer.burst({"users": [user_id] * DEBITS_A_COMMIT, "count": commits * DEBITS_A_COMMIT})
        await writer.burst({"users": [user_id] * rest, "count": rest})
        booked = await _until_left(stack, user_id)
    await _until_stored(stack, user_id, booked)


async def _until_left(stack: Stack, user_id: str) -> int:
    """How many debits of the user are booked, once the broker has them all."""
    async with asyncpg.create_pool(stack.database_url("credit"), min_size=1) as credit:

        async def left() -> bool:
            waiting = "SELECT EXISTS (SELECT FROM outbox WHERE user_id = $1)"
            return not await credit.fetchval(waiting, user_id)

        await until(left, within_seconds=WITHIN_SECONDS, every_seconds=LOOK_EVERY_SECONDS)
        booked = "SELECT count(*) FROM transfer WHERE user_id = $1 AND kind = 'deduction'"
        return int(await credit.fetchval(booked, user_id))


async def _until_stored(stack: Stack, user_id: str, booked: int) -> None:
    async with asyncpg.create_pool(stack.database_url("notifier"), min_size=1) as notifier:

        async def stored() -> bool:
            told = "SELECT count(*) FROM notification WHERE user_id = $1 AND kind = 'credit.deducted'"
            return bool(await notifier.fetchval(told, user_id) == booked)

        await until(stored, within_seconds=WITHIN_SECONDS, every_seconds=LOOK_EVERY_SECONDS)
