"""The notifier's schema: streams, notifications, balances as last heard, inbox, parked events, trail."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from notifier.adapters.coverage_tables import coverage_tables
from notifier.adapters.trail_tables import trail_tables
from shared.inbox import inbox_table, parked_event_table

metadata = sa.MetaData()

# Rows that are updated with every notification keep room for their next version on the same page.
ROOM_FOR_UPDATES = {"fillfactor": 70}


def user_id_column(*, primary_key: bool = True) -> sa.Column[str]:
    """Compared byte by byte: cheaper than the database's locale, and the same order everywhere."""
    return sa.Column("user_id", sa.Text(collation="C"), primary_key=primary_key, nullable=False)


stream = sa.Table(
    "stream",
    metadata,
    user_id_column(),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="1"),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sa.Column("unread", sa.BigInteger, nullable=False),
    # Everything up to here is read; above it each notification says so itself.
    sa.Column("read_seq", sa.BigInteger, nullable=False, server_default="0"),
    # Grows with every notification and every read: it orders two counts of the same seq.
    sa.Column("rev", sa.BigInteger, nullable=False),
    sa.CheckConstraint("unread BETWEEN 0 AND last_seq - read_seq", name="stream_unread_fits"),
    sa.CheckConstraint("read_seq >= 0 AND rev >= last_seq", name="stream_rev_covers_seq"),
    postgresql_with=ROOM_FOR_UPDATES,
)

notification = sa.Table(
    "notification",
    metadata,
    user_id_column(),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", PgUUID(as_uuid=True), nullable=False),  # The id of the event it was made of.
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("lane", sa.Text, nullable=False),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("icon", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("link", sa.Text, nullable=False),
    sa.Column("toast", sa.Boolean, nullable=False),
    sa.Column("amount_minor", sa.BigInteger),  # Signed: positive is money in.
    sa.Column("currency", sa.Text),
    sa.Column("transfer_id", PgUUID(as_uuid=True)),
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("read_at", sa.DateTime(timezone=True)),  # Read by itself; see also stream.read_seq.
    sa.CheckConstraint("seq > 0", name="notification_seq_positive"),
    sa.UniqueConstraint("id", name="notification_id_unique"),
)
# All that a history is filtered by, so that its rows are chosen in here and only those of the page are read.
sa.Index(
    "notification_history",
    notification.c.user_id,
    notification.c.seq,
    notification.c.read_at,
    notification.c.category,
    sa.text("split_part(kind, '.', 1)"),
    notification.c.amount_minor,
    notification.c.occurred_at,
)

balance = sa.Table(
    "balance",
    metadata,
    user_id_column(),
    sa.Column("currency", sa.Text(collation="C"), primary_key=True),
    sa.Column("posted", sa.BigInteger, nullable=False),
    sa.Column("held", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    postgresql_with=ROOM_FOR_UPDATES,
)

# Each event as it came, so that a stream can be made of them again. Null where no event stands behind the id.
inbox = inbox_table(
    metadata,
    sa.Column("user_id", sa.Text(collation="C")),
    sa.Column("type", sa.Text),
    sa.Column("occurred_at", sa.DateTime(timezone=True)),
    sa.Column("headers", sa.JSON),  # Those that stand in no other column.
    sa.Column("body", sa.LargeBinary),  # It may hold an SMS code.
    # Of the digest in the trail, that of what was shown: who has only that must not be able to guess a code.
    sa.Column("salt", sa.LargeBinary),
)
parked_event = parked_event_table(metadata)

trail_tables(metadata)
coverage_tables(metadata)
