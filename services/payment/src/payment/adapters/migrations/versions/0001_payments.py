"""Payments, webhooks, refunds at providers; what is a fact cannot be undone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from shared.db.errands import errand_columns
from shared.inbox import create_inbox
from shared.outbox import create_outbox

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NOW = sa.text("now()")
STATES = (
    "'initiated', 'pending', 'unknown', 'failed', 'expired', 'cancelled',"
    " 'succeeded', 'completed', 'requires_review'"
)
REFUND_STATES = "'requested', 'unknown', 'pending', 'refunded', 'failed', 'requires_review'"

# The columns a service may change once a row is written; all others are what was asked for, or was received.
CHANGEABLE = {
    "payment": "state, reason, provider_id, checkout_url, due_at, attempts, updated_at",
    "webhook": "outcome, processed_at, due_at, attempts",
    "provider_refund": "state, reason, provider_refund_id, due_at, attempts, updated_at",
}


def upgrade() -> None:
    _create_payment()
    _create_webhook()
    _create_provider_refund()
    create_inbox(op)  # type: ignore[arg-type]  # The module stands in for an Operations object.
    create_outbox(op)  # type: ignore[arg-type]  # As above.
    _keep_success()
    _revoke()


def _create_payment() -> None:
    op.create_table(
        "payment",
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
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.UniqueConstraint("provider", "provider_id", name="payment_provider_id"),
        sa.CheckConstraint("amount_minor > 0", name="payment_amount_positive"),
        sa.CheckConstraint("length(currency) = 3", name="payment_currency"),
        sa.CheckConstraint(f"state IN ({STATES})", name="payment_state"),
    )
    op.create_index("payment_of_user", "payment", ["user_id", "number"])


def _create_webhook() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reference", sa.Text),
        sa.Column("provider_id", sa.Text),
        sa.Column("claims_paid", sa.Boolean, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("processed_at", sa.DateTime(timezone=True)),
        *errand_columns(),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.UniqueConstraint("provider", "event_id", name="webhook_event"),
        sa.CheckConstraint("kind IN ('checkout', 'refund', 'dispute', 'other')", name="webhook_kind"),
        sa.CheckConstraint("(outcome IS NULL) = (processed_at IS NULL)", name="webhook_processed"),
    )


def _create_provider_refund() -> None:
    op.create_table(
        "provider_refund",
        sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
        sa.Column("payment_id", PgUUID(as_uuid=True), nullable=False, index=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("provider_refund_id", sa.Text, index=True),
        sa.Column("reason", sa.Text),
        *errand_columns(),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.CheckConstraint("amount_minor > 0", name="provider_refund_amount_positive"),
        sa.CheckConstraint("length(currency) = 3", name="provider_refund_currency"),
        sa.CheckConstraint(f"state IN ({REFUND_STATES})", name="provider_refund_state"),
    )


def _keep_success() -> None:
    """Whatever the code does: money that was taken stays known, and what was credited stays completed."""
    op.execute("""
        CREATE FUNCTION keep_success() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.state = 'succeeded' AND NEW.state NOT IN ('succeeded', 'completed', 'requires_review')
                OR OLD.state = 'completed' AND NEW.state <> 'completed'
            THEN
                RAISE EXCEPTION 'a payment that is % does not become %', OLD.state, NEW.state
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        END $$
    """)
    op.execute(
        "CREATE TRIGGER keep_success BEFORE UPDATE OF state ON payment"
        " FOR EACH ROW EXECUTE FUNCTION keep_success()"
    )
    op.execute("ALTER TABLE payment ENABLE ALWAYS TRIGGER keep_success")


def _revoke() -> None:
    """The service itself may not even try. Its role is the owner's name without the suffix."""
    op.execute("""
        DO $$
        DECLARE
            service text := regexp_replace(current_user, '_owner$', '');
        BEGIN
            EXECUTE format(
                'REVOKE UPDATE, DELETE, TRUNCATE ON payment, webhook, provider_refund FROM %I', service
            );
            EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON alembic_version FROM %I', service);
        END $$
    """)
    for table, columns in CHANGEABLE.items():
        op.execute(f"""
            DO $$
            BEGIN
                EXECUTE format(
                    'GRANT UPDATE ({columns}) ON {table} TO %I', regexp_replace(current_user, '_owner$', '')
                );
            END $$
        """)
