"""Events that show a transfer are kept as long as the transfer, to be published again when one was lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from shared.outbox.outbox import OutboxTransaction
from shared.outbox.table import OUTBOX_COLUMNS

if TYPE_CHECKING:
    from alembic.operations import Operations

_EVENT = "id, type, user_id, occurred_at, data, traceparent, correlation_id, causation_id"
_KEEP = f"""
    INSERT INTO kept_event (transfer_id, {_EVENT}) SELECT $2, {_EVENT} FROM outbox WHERE id = $1
    ON CONFLICT (transfer_id) DO NOTHING
"""  # noqa: S608  # Our own names.
_AGAIN = f"""
    INSERT INTO outbox ({_EVENT}) SELECT {_EVENT} FROM kept_event WHERE transfer_id = ANY($1::uuid[])
    ON CONFLICT (id) DO NOTHING RETURNING {OUTBOX_COLUMNS}
"""  # noqa: S608  # As above.


def kept_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table("kept_event", metadata, *_columns())


def create_kept(op: Operations) -> None:
    """For a migration. The service may only add to it; its role is the owner's name without the suffix."""
    op.create_table("kept_event", *_columns())
    op.execute("""
        DO $$
        DECLARE service text := regexp_replace(current_user, '_owner$', '');
        BEGIN
            IF service <> current_user THEN
                EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON kept_event FROM %I', service);
            END IF;
        END $$
    """)


def _columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("transfer_id", PgUUID(as_uuid=True), primary_key=True),
        sa.Column("id", PgUUID(as_uuid=True), nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", JSONB, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("correlation_id", sa.Text),
        sa.Column("causation_id", sa.Text),
    )


async def keep(tx: OutboxTransaction, event_id: UUID, transfer_id: UUID) -> None:
    """Keep an event that this transaction has published, as the one that shows the transfer."""
    await tx.execute(_KEEP, event_id, transfer_id)


async def publish_kept(tx: OutboxTransaction, transfer_ids: Sequence[UUID]) -> None:
    """Publish them again exactly as they were; of transfers that nothing is kept of, nothing."""
    tx.written += await tx.fetch(_AGAIN, list(transfer_ids))
