"""The ledger's tables as SQLAlchemy Core sees them; constraints and triggers live in the migrations."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from credit.domain.commands import EVENTS
from shared.db.xid8 import Xid8
from shared.http.idempotency import idempotency_table
from shared.inbox import inbox_table, parked_event_table
from shared.outbox import outbox_table, sent_table

metadata = sa.MetaData()

_now = sa.text("now()")

# Available is posted minus held. One row for each user and currency; the row is the lock.
account = sa.Table(
    "account",
    metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("currency", sa.Text, primary_key=True),
    sa.Column("posted", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("held", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("version", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("low_balance_threshold", sa.BigInteger, nullable=False, server_default="0"),
    # The version at which the last warning went out; NULL means that the next crossing warns.
    sa.Column("low_balance_warned_version", sa.BigInteger),
    sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
    sa.Column("closed_at", sa.DateTime(timezone=True)),
    # Set on all accounts of a user; nothing goes out until an operator lifts it.
    sa.Column("frozen_at", sa.DateTime(timezone=True)),
)

# One movement of money, with what is said about it. Its id is unique for ever.
transfer = sa.Table(
    "transfer",
    metadata,
    sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("source", sa.Text),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("service", sa.Text),
    sa.Column("reference", sa.Text),
    sa.Column("link", sa.Text),
    sa.Column("hold_id", PgUUID(as_uuid=True)),
    sa.Column("balance_after", sa.BigInteger, nullable=False),
    sa.Column("held_after", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
    # The event that told of it, and the transaction that booked it. Neither is known of transfers that are
    # older than statements, and those are not stated.
    sa.Column("event_id", PgUUID(as_uuid=True)),
    sa.Column("xid", Xid8, server_default=sa.text("pg_current_xact_id()")),
    sa.CheckConstraint("event_id IS NOT NULL OR xid IS NULL", name="transfer_told"),
)
sa.Index("transfer_xid", transfer.c.xid, postgresql_where=transfer.c.xid.is_not(None))

# What the ledger has stated: all transfers of the transactions after the statement before, up to ``through``.
statement = sa.Table(
    "statement",
    metadata,
    sa.Column(
        "number", sa.BigInteger, primary_key=True, autoincrement=False
    ),  # Without a gap; 0 states none.
    sa.Column("through", Xid8, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    # NULL: to be published, for the first time or again.
    sa.Column("told_at", sa.DateTime(timezone=True)),
)
sa.Index("statement_untold", statement.c.number, postgresql_where=statement.c.told_at.is_(None))

# From ``first_number`` on, other statements may have been told under the same numbers: as ``server`` is
# another than before, the database may have been restored from an earlier moment.
statement_era = sa.Table(
    "statement_era",
    metadata,
    sa.Column("began", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("first_number", sa.BigInteger, nullable=False),
    sa.Column("server", sa.Text, nullable=False),
)

# Leg 1 is the user's account, leg 2 the system account against it. System accounts have no row to lock:
# they are the sum of their entries.
entry = sa.Table(
    "entry",
    metadata,
    sa.Column("transfer_id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("leg", sa.SmallInteger, primary_key=True),
    # Drawn while the account's row is locked, so that within an account it is in the order of the commits.
    sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("user_id", sa.Text),
    sa.Column("system_account", sa.Text),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
)
sa.Index("entry_of_user", entry.c.user_id, entry.c.number, postgresql_where=entry.c.user_id.is_not(None))

hold = sa.Table(
    "hold",
    metadata,
    sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="placed"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("service", sa.Text),
    sa.Column("reference", sa.Text),
    sa.Column("link", sa.Text),
    sa.Column("placed_by", sa.Text, nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("balance_after", sa.BigInteger, nullable=False),
    sa.Column("held_after", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    # What its end is told to be caused by, and the story it belongs to.
    sa.Column("event_id", PgUUID(as_uuid=True), nullable=False),
    sa.Column("correlation_id", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    sa.ForeignKeyConstraint(["user_id", "currency"], ["account.user_id", "account.currency"]),
)
sa.Index("hold_due", hold.c.expires_at, postgresql_where=hold.c.status == "placed")

inbox = inbox_table(metadata)
parked_event = parked_event_table(metadata)
outbox = outbox_table(metadata)
sent = sent_table(metadata)
idempotency_key = idempotency_table(metadata)
# Keys are deleted by their age. That an event's addition was rejected is kept for ever, as its transfer would
# be: whoever asked may have made up for it, and an event that comes late must not book it after all.
FORGETTABLE = sa.text(f"(scope <> '{EVENTS}' OR status < 400)")
sa.Index("idempotency_key_forgettable", idempotency_key.c.created_at, postgresql_where=FORGETTABLE)
