"""The tables as SQLAlchemy Core sees them; constraints and guards live in the migrations."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from shared.db.errands import errand_columns
from shared.inbox import inbox_table, parked_event_table
from shared.outbox import kept_table, outbox_table, sent_table

metadata = sa.MetaData()

_now = sa.text("now()")

payment = sa.Table(
    "payment",
    metadata,
    sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("reference", sa.Text, nullable=False, unique=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("provider_id", sa.Text),
    sa.Column("checkout_url", sa.Text),
    sa.Column("deadline", sa.DateTime(timezone=True), nullable=False),
    sa.Column("transfer_id", PgUUID(as_uuid=True), nullable=False, unique=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    *errand_columns(),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
    sa.UniqueConstraint("provider", "provider_id", name="payment_provider_id"),
)
sa.Index("payment_of_user", payment.c.user_id, payment.c.number)

webhook = sa.Table(
    "webhook",
    metadata,
    sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    # Whose news it is, as its verified body says; enough to look it up at the provider. The body itself is
    # not kept: it may name the payer, their address and their mail.
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("reference", sa.Text),
    sa.Column("provider_id", sa.Text),
    sa.Column("claims_paid", sa.Boolean, nullable=False),
    sa.Column("outcome", sa.Text),
    sa.Column("processed_at", sa.DateTime(timezone=True)),
    *errand_columns(),
    sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
    sa.UniqueConstraint("provider", "event_id", name="webhook_event"),
)

provider_refund = sa.Table(
    "provider_refund",
    metadata,
    sa.Column("id", PgUUID(as_uuid=True), primary_key=True),  # The refund's own id.
    sa.Column("payment_id", PgUUID(as_uuid=True), nullable=False, index=True),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("provider_refund_id", sa.Text, index=True),
    sa.Column("reason", sa.Text),
    *errand_columns(),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
)

inbox = inbox_table(metadata)
parked_event = parked_event_table(metadata)
outbox = outbox_table(metadata)
sent = sent_table(metadata)
kept_event = kept_table(metadata)
