"""What can be refunded, refunds, and the keys that let each verification be refunded once."""

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


def upgrade() -> None:
    _create_refundable()
    _create_completed_verification()
    _create_refund()
    _create_request()
    create_inbox(op)  # type: ignore[arg-type]  # The module stands in for an Operations object.
    create_outbox(op)  # type: ignore[arg-type]  # As above.
    _revoke()


def _create_refundable() -> None:
    op.create_table(
        "refundable",
        sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("reserved_minor", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("service", sa.Text),
        sa.Column("transfer_id", PgUUID(as_uuid=True)),
        sa.Column("reference", sa.Text),
        sa.Column("auto_reason", sa.Text),
        sa.Column("learned_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.CheckConstraint("kind IN ('payment', 'verification')", name="refundable_kind"),
        sa.CheckConstraint("length(currency) = 3", name="refundable_currency"),
        sa.CheckConstraint("amount_minor >= 0", name="refundable_amount_not_negative"),
        # The last guard: whatever asks, no more goes back than was paid.
        sa.CheckConstraint("reserved_minor BETWEEN 0 AND amount_minor", name="refundable_reserved"),
        sa.CheckConstraint("auto_reason IN ('timeout', 'cancelled')", name="refundable_auto_reason"),
        sa.CheckConstraint(
            "auto_reason IS NULL OR kind = 'verification'", name="refundable_auto_of_verification"
        ),
    )


def _create_completed_verification() -> None:
    op.create_table(
        "completed_verification",
        sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
        sa.Column("learned_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
    )


def _create_refund() -> None:
    op.create_table(
        "refund",
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
        sa.Column("provider_outcome", sa.Text),
        sa.Column("failure_code", sa.Text),
        sa.Column("failure_reason", sa.Text),
        sa.Column("remaining_minor", sa.BigInteger),
        sa.Column("hold_id", PgUUID(as_uuid=True), unique=True),
        sa.Column("transfer_id", PgUUID(as_uuid=True), unique=True),
        sa.Column("compensation_transfer_id", PgUUID(as_uuid=True), unique=True),
        sa.Column("processing_event_id", PgUUID(as_uuid=True)),
        sa.Column("failed_event_id", PgUUID(as_uuid=True)),
        sa.Column("initiated_by", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        *errand_columns(),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        *_refund_checks(),
    )
    op.create_index("refund_of_user", "refund", ["user_id", "number"])
    op.create_index("refund_in_state", "refund", ["state", "number"])
    op.create_index("refund_of_refundable", "refund", ["refundable_id"])
    op.create_index(
        "refund_active_of_verification",
        "refund",
        ["verification_id"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('failed', 'cancelled', 'rejected')"),
    )
    op.create_index(
        "refund_auto_of_verification",
        "refund",
        ["verification_id"],
        unique=True,
        postgresql_where=sa.text("auto"),
    )


def _refund_checks() -> tuple[sa.CheckConstraint, ...]:
    states = "'holding', 'rejected', 'initiated', 'processing', 'completed', 'failed', 'cancelled'"
    checks = {
        "amount_positive": "amount_minor > 0",
        "kind": "kind IN ('credit', 'money')",
        "state": f"state IN ({states})",
        "provider_outcome": "provider_outcome IN ('refunded', 'refused')",
        "of_one": "num_nonnulls(payment_id, verification_id) = 1"
        " AND refundable_id = coalesce(payment_id, verification_id)",
        "money_of_payment": "kind = 'credit' OR payment_id IS NOT NULL",
        "auto_of_verification": "NOT auto OR verification_id IS NOT NULL",
        "holding_money": "state <> 'holding' OR kind = 'money'",
        # Money is given back to a card only while the credits it bought are set aside.
        "money_held": "kind = 'credit' OR hold_id IS NOT NULL OR state IN ('holding', 'rejected')",
        "transferred": "transfer_id IS NOT NULL OR state NOT IN ('processing', 'completed')",
        "said_why": "failure_code IS NOT NULL OR state NOT IN ('failed', 'rejected')",
    }
    return tuple(sa.CheckConstraint(check, name=f"refund_{name}") for name, check in checks.items())


def _create_request() -> None:
    op.create_table(
        "refund_request",
        sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("refund_id", PgUUID(as_uuid=True), sa.ForeignKey("refund.id"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
    )


def _revoke() -> None:
    """What happened stays. The service's role is the owner's name without the suffix."""
    op.execute("""
        DO $$
        DECLARE
            service text := regexp_replace(current_user, '_owner$', '');
        BEGIN
            EXECUTE format('REVOKE DELETE, TRUNCATE ON refundable, refund, parked_event FROM %I', service);
            EXECUTE format(
                'REVOKE UPDATE, DELETE, TRUNCATE ON completed_verification, refund_request, inbox FROM %I',
                service
            );
            EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON alembic_version FROM %I', service);
            -- What a refund is of, whose and how much, is decided once.
            EXECUTE format('REVOKE UPDATE ON refund, refundable FROM %I', service);
            EXECUTE format('GRANT UPDATE (reserved_minor, auto_reason) ON refundable TO %I', service);
            EXECUTE format(
                'GRANT UPDATE (state, provider_outcome, failure_code, failure_reason, hold_id, transfer_id,'
                ' compensation_transfer_id, processing_event_id, failed_event_id, due_at, attempts,'
                ' updated_at) ON refund TO %I', service
            );
        END $$
    """)
