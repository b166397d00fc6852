"""The tables as SQLAlchemy Core sees them; constraints live in the migrations."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from shared.db.errands import errand_columns
from shared.outbox import outbox_table, sent_table

metadata = sa.MetaData()

_now = sa.text("now()")

# One verification. What is written once stays: who, what, for how much, from whom.
verification = sa.Table(
    "verification",
    metadata,
    sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("service_name", sa.Text, nullable=False),
    sa.Column("country", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("price_minor", sa.BigInteger, nullable=False),
    sa.Column("reference", sa.Text, nullable=False, unique=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    # Why it failed or was rejected. Set before that state is reached, it says that the hold is to be voided.
    sa.Column("reason", sa.Text),
    sa.Column("rejection", JSONB),  # The problem a repetition is answered with.
    sa.Column("hold_id", PgUUID(as_uuid=True)),
    sa.Column("transfer_id", PgUUID(as_uuid=True)),
    # Committed before the provider is called: from here on a number may have been bought.
    sa.Column("buying_at", sa.DateTime(timezone=True)),
    sa.Column("bought_at", sa.DateTime(timezone=True)),
    sa.Column("order_id", sa.Text),
    sa.Column("phone_number", sa.Text),
    sa.Column("sms_code", sa.Text),
    sa.Column("deadline", sa.DateTime(timezone=True)),
    sa.Column("cancel_requested_at", sa.DateTime(timezone=True)),
    sa.Column("late_sms_at", sa.DateTime(timezone=True)),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
    *errand_columns(),
    sa.UniqueConstraint("provider", "order_id", name="verification_order"),
)
sa.Index("verification_of_user", verification.c.user_id, verification.c.number)
sa.Index("verification_state", verification.c.user_id, verification.c.state)

# A webhook that was verified. Its text, which may hold a code, is not kept.
webhook = sa.Table(
    "webhook",
    metadata,
    sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("notice", JSONB, nullable=False),  # Which order it is about, and of what type it is.
    sa.Column("outcome", sa.Text),
    sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
    *errand_columns(),
    sa.UniqueConstraint("provider", "event_id", name="webhook_event"),
)

outbox = outbox_table(metadata)
sent = sent_table(metadata)
