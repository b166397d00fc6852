"""Verifications, webhooks about them, and the outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from shared.db.errands import errand_columns
from shared.outbox import create_outbox

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NOW = sa.text("now()")
_STATES = (
    "holding",
    "rejected",
    "requested",
    "unknown",
    "awaiting_sms",
    "expiring",
    "cancelling",
    "completed",
    "failed",
    "timed_out",
    "cancelled",
    "requires_review",
)
_CHARGED = ("awaiting_sms", "expiring", "cancelling", "completed", "timed_out", "cancelled")

# The service may not rewrite who wanted what for how much, and removes nothing.
_RIGHTS = """
DO $$
DECLARE service text := regexp_replace(current_user, '_owner$', '');
BEGIN
    IF service <> current_user THEN
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON verification, webhook FROM %I', service);
        EXECUTE format('GRANT UPDATE (
            state, reason, rejection, hold_id, transfer_id, buying_at, bought_at, order_id, phone_number,
            sms_code, deadline, cancel_requested_at, late_sms_at, updated_at, due_at, attempts
        ) ON verification TO %I', service);
        EXECUTE format('GRANT UPDATE (outcome, due_at, attempts) ON webhook TO %I', service);
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON alembic_version FROM %I', service);
    END IF;
END $$
"""


def upgrade() -> None:
    _create_verification()
    _create_webhook()
    create_outbox(op)  # type: ignore[arg-type]  # The module stands in for an Operations object.
    op.execute(_RIGHTS)


def _create_verification() -> None:
    op.create_table(
        "verification",
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
        sa.Column("reason", sa.Text),
        sa.Column("rejection", JSONB),
        sa.Column("hold_id", PgUUID(as_uuid=True)),
        sa.Column("transfer_id", PgUUID(as_uuid=True)),
        sa.Column("buying_at", sa.DateTime(timezone=True)),
        sa.Column("bought_at", sa.DateTime(timezone=True)),
        sa.Column("order_id", sa.Text),
        sa.Column("phone_number", sa.Text),
        sa.Column("sms_code", sa.Text),
        sa.Column("deadline", sa.DateTime(timezone=True)),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True)),
        sa.Column("late_sms_at", sa.DateTime(timezone=True)),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        *errand_columns(),
        # One order serves one verification: whoever finds an order in the provider's list claims it here.
        sa.UniqueConstraint("provider", "order_id", name="verification_order"),
        sa.CheckConstraint(_among("state", _STATES), name="verification_state_known"),
        sa.CheckConstraint("price_minor > 0", name="verification_price_positive"),
        sa.CheckConstraint("length(currency) = 3", name="verification_currency"),
        sa.CheckConstraint(
            "state IN ('holding', 'rejected') OR hold_id IS NOT NULL", name="verification_hold"
        ),
        sa.CheckConstraint(
            f"NOT {_among('state', _CHARGED)} OR transfer_id IS NOT NULL", name="verification_charged"
        ),
        sa.CheckConstraint("(order_id IS NULL) = (phone_number IS NULL)", name="verification_number"),
        # Until it is decided, there is a number or a reason to do without, never both.
        sa.CheckConstraint(
            "state NOT IN ('requested', 'unknown') OR order_id IS NULL OR reason IS NULL",
            name="verification_one_outcome",
        ),
        # A code is kept where it was paid for, and nowhere else.
        sa.CheckConstraint("(state = 'completed') = (sms_code IS NOT NULL)", name="verification_code"),
        sa.CheckConstraint("(state = 'rejected') = (rejection IS NOT NULL)", name="verification_rejection"),
        sa.CheckConstraint(
            "state NOT IN ('failed', 'rejected') OR reason IS NOT NULL", name="verification_reason"
        ),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("verification_of_user", "verification", ["user_id", "number"])
    op.create_index("verification_state", "verification", ["user_id", "state"])


def _create_webhook() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("notice", JSONB, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        *errand_columns(),
        sa.UniqueConstraint("provider", "event_id", name="webhook_event"),
    )


def _among(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"
