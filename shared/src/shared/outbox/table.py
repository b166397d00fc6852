"""The outbox's tables: events written in the business transaction, and those the broker has confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from shared.events import Envelope, Event, exchange_of
from shared.messaging import Message
from shared.observability.trace import current_trace

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from alembic.operations import Operations
    from asyncpg import Record

    from shared.db import Transaction

# What a publisher needs of a row, in any statement that returns one.
OUTBOX_COLUMNS = (
    "id, type, user_id, occurred_at, data::text AS data, traceparent, correlation_id, causation_id"
)


def outbox_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table("outbox", metadata, *_columns())


def sent_table(metadata: sa.MetaData) -> sa.Table:
    """What was sent, kept until it has been told once more."""
    table = sa.Table("sent", metadata, *_sent_columns())
    sa.Index("sent_at", table.c.sent_at)
    return table


def create_outbox(op: Operations) -> None:
    """For a service's first migration."""
    op.create_table("outbox", *_columns())


def create_sent(op: Operations) -> None:
    """For a migration."""
    op.create_table("sent", *_sent_columns())
    op.create_index("sent_at", "sent", ["sent_at"])


def _columns() -> tuple[sa.Column[object], ...]:
    now = sa.text("now()")
    return (
        *_event_columns(),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("last_error", sa.Text),
    )


def _sent_columns() -> tuple[sa.Column[object], ...]:
    now = sa.text("now()")
    return (
        *_event_columns(),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
    )


def _event_columns() -> tuple[sa.Column[object], ...]:
    now = sa.text("now()")
    return (
        sa.Column("id", PgUUID(as_uuid=True), primary_key=True),  # The event's id, minted with the event.
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("data", JSONB, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("correlation_id", sa.Text),
        sa.Column("causation_id", sa.Text),
    )


async def mark_sent(tx: Transaction, ids: Collection[UUID] | Collection[str]) -> None:
    """The broker has confirmed them: they leave the outbox, and are kept to be told once more.

    The transaction's commit does not wait for the disk, so it must hold nothing else that matters. What a
    crash makes of this is safe: a row that comes back is sent again, and inboxes absorb it.
    """
    await tx.execute("SET LOCAL synchronous_commit = off")
    await tx.execute(_MARK_SENT, list(ids))


_EVENT = "id, type, user_id, occurred_at, data, traceparent, correlation_id, causation_id"
_MARK_SENT = f"""
    WITH gone AS (DELETE FROM outbox WHERE id = ANY($1::uuid[]) RETURNING {_EVENT})
    INSERT INTO sent ({_EVENT}) SELECT {_EVENT} FROM gone
    ON CONFLICT (id) DO UPDATE SET sent_at = excluded.sent_at
"""  # noqa: S608  # Our own names.


async def write(tx: Transaction, event_id: UUID, user_id: str, event: Event) -> Record | None:
    """Write one event in the caller's transaction; give the row to ``DirectPublisher`` after its commit.

    None: the event is here already and has yet to leave, so it need not be written again.
    """
    trace = current_trace()
    return await tx.fetchrow(
        f"""
        INSERT INTO outbox (id, type, user_id, data, traceparent, correlation_id, causation_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING RETURNING {OUTBOX_COLUMNS}
        """,  # noqa: S608  # The columns are our own constant.
        event_id,
        event.TYPE,
        user_id,
        event.model_dump(mode="json"),
        trace and trace.traceparent,
        trace and trace.correlation_id,
        trace and trace.causation_id,
    )


def to_envelope(row: Record, source: str) -> Envelope:
    return Envelope(
        id=row["id"],
        type=str(row["type"]),
        source=source,
        subject=str(row["user_id"]),
        time=row["occurred_at"],
        data=str(row["data"]).encode(),
        traceparent=row["traceparent"],
        correlationid=row["correlation_id"],
        causationid=row["causation_id"],
    )


def to_message(row: Record, source: str) -> Message:
    envelope = to_envelope(row, source)
    return Message(
        exchange=exchange_of(envelope.type),
        routing_key=envelope.type,
        message_id=str(envelope.id),
        body=envelope.data,
        headers=envelope.headers(),
    )
