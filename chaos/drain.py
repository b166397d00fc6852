"""What still waits once all is healed: what has to come to nothing before anything is counted."""

from __future__ import annotations

from typing import Any

import asyncpg

from chaos.reading import FORGED, OUTBOXES, read_queues
from chaos.world import World

# What is in one of these states comes to an end by itself.
MOVING = {
    "payment": ("initiated", "pending", "unknown", "succeeded"),
    "verification": ("holding", "requested", "unknown", "awaiting_sms", "expiring", "cancelling"),
    "refund": ("holding", "processing"),
}


async def waiting(world: World) -> list[str]:
    """In words; nothing when it is all over. Raises what the servers raise."""
    found = []
    for service, states in MOVING.items():
        sql = f"SELECT state, count(*) FROM {service} WHERE state = ANY($1::text[]) GROUP BY state"
        rows = await _rows(world, service, sql, list(states))
        found += [f"{count} {service}s {state}" for state, count in rows]
    for service in OUTBOXES:
        if unsent := (await _rows(world, service, "SELECT count(*) FROM outbox"))[0][0]:
            found.append(f"{unsent} events in the outbox of {service}")
        if world.recaps and (untold := (await _rows(world, service, "SELECT count(*) FROM sent"))[0][0]):
            found.append(f"{untold} events of {service} to be told once more")
    for service in ("payment", "verification"):
        # Lies about a payment are looked into for long.
        sql = f"SELECT count(*) FROM webhook WHERE outcome IS NULL AND event_id NOT LIKE '{FORGED}%'"
        if unprocessed := (await _rows(world, service, sql))[0][0]:
            found.append(f"{unprocessed} webhooks at {service}")
    queues = await read_queues(world.stack)
    found += [f"{messages} messages in {queue}" for queue, messages in queues.items() if messages]
    heads = {
        user: (seq, rev)
        for user, seq, rev in await _rows(world, "notifier", "SELECT user_id, last_seq, rev FROM stream")
    }
    behind = [tab.name for tab in world.tabs if (tab.last_seq, tab.rev) < heads.get(tab.user, (0, 0))]
    if behind:
        found.append(f"{len(behind)} tabs are behind, such as {behind[0]}")
    return found


async def _rows(world: World, service: str, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(world.stack.database_url(service))
    try:
        return [tuple(row.values()) for row in await connection.fetch(sql, *arguments)]
    finally:
        await connection.close()
