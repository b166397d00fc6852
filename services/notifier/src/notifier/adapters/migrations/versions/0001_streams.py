"""Streams, notifications, balances, the inbox and parked events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from shared.inbox import create_inbox

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROOM_FOR_UPDATES = {"fillfactor": 70}

# The service reads and adds. It may count a stream, mark a notification as read and settle a parked event,
# but not rewrite or remove what was said or what was seen.
_RIGHTS = """
DO $$
DECLARE service text := regexp_replace(current_user, '_owner$', '');
BEGIN
    IF service <> current_user THEN
        EXECUTE format('REVOKE UPDATE, DELETE ON inbox, notification FROM %I', service);
        EXECUTE format('REVOKE DELETE ON stream, balance, parked_event FROM %I', service);
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON alembic_version FROM %I', service);
        EXECUTE format('GRANT UPDATE (read_at) ON notification TO %I', service);
    END IF;
END $$
"""


def upgrade() -> None:
    _create_inbox()
    _create_stream()
    _create_notification()
    _create_balance()
    op.execute(_RIGHTS)


def _create_inbox() -> None:
    create_inbox(
        op,  # type: ignore[arg-type]  # The module stands in for an Operations object.
        sa.Column("user_id", sa.Text(collation="C")),
        sa.Column("type", sa.Text),
        sa.Column("occurred_at", sa.DateTime(timezone=True)),
        sa.Column("headers", sa.JSON),
        sa.Column("body", sa.LargeBinary),
        sa.Column("salt", sa.LargeBinary),
    )


def _create_stream() -> None:
    op.create_table(
        "stream",
        sa.Column("user_id", sa.Text(collation="C"), primary_key=True),
        sa.Column("epoch", sa.Integer, nullable=False, server_default="1"),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("unread", sa.BigInteger, nullable=False),
        sa.Column("read_seq", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("rev", sa.BigInteger, nullable=False),
        sa.CheckConstraint("unread BETWEEN 0 AND last_seq - read_seq", name="stream_unread_fits"),
        sa.CheckConstraint("read_seq >= 0 AND rev >= last_seq", name="stream_rev_covers_seq"),
        postgresql_with=_ROOM_FOR_UPDATES,
    )


def _create_notification() -> None:
    op.create_table(
        "notification",
        sa.Column("user_id", sa.Text(collation="C"), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", PgUUID(as_uuid=True), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("icon", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("link", sa.Text, nullable=False),
        sa.Column("toast", sa.Boolean, nullable=False),
        sa.Column("amount_minor", sa.BigInteger),
        sa.Column("currency", sa.Text),
        sa.Column("transfer_id", PgUUID(as_uuid=True)),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("read_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("seq > 0", name="notification_seq_positive"),
        sa.UniqueConstraint("id", name="notification_id_unique"),
    )
    family = sa.text("split_part(kind, '.', 1)")
    op.create_index(
        "notification_history",
        "notification",
        ["user_id", "seq", "read_at", "category", family, "amount_minor", "occurred_at"],
    )


def _create_balance() -> None:
    op.create_table(
        "balance",
        sa.Column("user_id", sa.Text(collation="C"), primary_key=True),
        sa.Column("currency", sa.Text(collation="C"), primary_key=True),
        sa.Column("posted", sa.BigInteger, nullable=False),
        sa.Column("held", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        postgresql_with=_ROOM_FOR_UPDATES,
    )
