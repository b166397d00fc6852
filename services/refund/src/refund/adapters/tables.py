"""The tables as SQLAlchemy Core sees them; checks and rights live in the migrations."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from shared.db.errands import errand_columns
from shared.inbox import inbox_table, parked_event_table
from shared.outbox import kept_table, outbox_table, sent_table

metadata = sa.MetaData()

_now = sa.text("now()")

# A payment or a verification, learned from events. The row is the lock of all refunds from it.
refundable = sa.Table(
    "refundable",
    metadata,
    sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    # Of all refunds that are neither rejected nor failed nor cancelled.
    sa.Column("reserved_minor", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("service", sa.Text),
    sa.Column("transfer_id", PgUUID(as_uuid=True)),
    sa.Column("reference", sa.Text),
    # Set once the verification has ended without a code: its money goes back.
    sa.Column("auto_reason", sa.Text),
    sa.Column("learned_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
)

# Verifications whose code has come: apart, since that may be heard before what they have cost.
completed_verification = sa.Table(
    "completed_verification",
    metadata,
    sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("learned_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
)

refund = sa.Table(
    "refund",
    metadata,
    sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
    sa.Column("refundable_id", PgUUID(as_uuid=True), sa.ForeignKey("refundable.id"), nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("auto", sa.Boolean, nullable=False),
    sa.Column("payment_id", PgUUID(as_uuid=True)),
    sa.Column("verification_id", PgUUID(as_uuid=True)),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("reference", sa.Text, nullable=False, unique=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    # What the provider has said of a refund to the card: with "processing" it makes posting or voiding.
    sa.Column("provider_outcome", sa.Text),
    sa.Column("failure_code", sa.Text),
    sa.Column("failure_reason", sa.Text),
    # What remained to be refunded when it was rejected for that.
    sa.Column("remaining_minor", sa.BigInteger),
    sa.Column("hold_id", PgUUID(as_uuid=True), unique=True),
    sa.Column("transfer_id", PgUUID(as_uuid=True), unique=True),
    sa.Column("compensation_transfer_id", PgUUID(as_uuid=True), unique=True),
    # Published again under the same ids, so that inboxes know them.
    sa.Column("processing_event_id", PgUUID(as_uuid=True)),
    sa.Column("failed_event_id", PgUUID(as_uuid=True)),
    sa.Column("initiated_by", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    *errand_columns(),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
)
sa.Index("refund_of_user", refund.c.user_id, refund.c.number)
sa.Index("refund_in_state", refund.c.state, refund.c.number)
sa.Index("refund_of_refundable", refund.c.refundable_id)
sa.Index(
    "refund_active_of_verification",
    refund.c.verification_id,
    unique=True,
    postgresql_where=refund.c.state.not_in(["failed", "cancelled", "rejected"]),
)
sa.Index("refund_auto_of_verification", refund.c.verification_id, unique=True, postgresql_where=refund.c.auto)

# Requests that met a refund that was there already: a repetition is answered with that one, for ever.
refund_request = sa.Table(
    "refund_request",
    metadata,
    sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("refund_id", PgUUID(as_uuid=True), sa.ForeignKey("refund.id"), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
)

inbox = inbox_table(metadata)
parked_event = parked_event_table(metadata)
outbox = outbox_table(metadata)
sent = sent_table(metadata)
kept_event = kept_table(metadata)
