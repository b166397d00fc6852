"""Webhooks in the database: each stored once, before anything is made of it, and only whose news it is."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from uuid_utils.compat import uuid7

from payment.domain.provider import WebhookEvent
from shared.db import Transaction


@dataclass(frozen=True, slots=True)
class StoredWebhook:
    id: UUID
    provider: str
    event: WebhookEvent
    outcome: str | None
    attempts: int


async def insert(tx: Transaction, provider: str, event: WebhookEvent) -> UUID | None:
    """The new webhook's id; None where it was received before. One statement, and so its own transaction."""
    id_ = uuid7()
    row = await tx.fetchrow(
        """
        INSERT INTO webhook
            (id, provider, event_id, kind, reference, provider_id, claims_paid, due_at, outcome, processed_at)
        SELECT $1, $2, $3, $4, $5, $6, $7,
            CASE WHEN $4 = 'other' THEN NULL ELSE now() END,
            CASE WHEN $4 = 'other' THEN 'ignored' END,
            CASE WHEN $4 = 'other' THEN now() END
        ON CONFLICT (provider, event_id) DO NOTHING RETURNING id
        """,
        id_,
        provider,
        event.event_id,
        event.kind,
        event.reference,
        event.provider_id,
        event.claims_paid,
    )
    return None if row is None else id_


async def get(tx: Transaction, webhook_id: UUID) -> StoredWebhook | None:
    row = await tx.fetchrow(
        "SELECT id, provider, event_id, kind, reference, provider_id, claims_paid, outcome, attempts"
        " FROM webhook WHERE id = $1",
        webhook_id,
    )
    if row is None:
        return None
    event = WebhookEvent(
        row["event_id"], row["kind"], row["reference"], row["provider_id"], row["claims_paid"]
    )
    return StoredWebhook(row["id"], row["provider"], event, row["outcome"], row["attempts"])


async def finish(tx: Transaction, webhook_id: UUID, outcome: str) -> None:
    await tx.execute(
        "UPDATE webhook SET outcome = $2, processed_at = now(), due_at = NULL"
        " WHERE id = $1 AND outcome IS NULL",
        webhook_id,
        outcome,
    )


async def try_again(tx: Transaction, webhook_id: UUID, due_seconds: float) -> None:
    await tx.execute(
        "UPDATE webhook SET attempts = attempts + 1, due_at = now() + make_interval(secs => $2)"
        " WHERE id = $1 AND outcome IS NULL",
        webhook_id,
        due_seconds,
    )
