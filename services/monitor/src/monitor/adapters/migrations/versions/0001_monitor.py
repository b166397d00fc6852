"""Windows, flags, and the key that lets each rule speak once in its window."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from shared.inbox import create_inbox
from shared.outbox import create_outbox, create_sent

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NOW = sa.text("now()")


def upgrade() -> None:
    _create_windows()
    _create_flags()
    create_inbox(op)  # type: ignore[arg-type]  # The module stands in for an Operations object.
    create_outbox(op)  # type: ignore[arg-type]  # As above.
    create_sent(op)  # type: ignore[arg-type]  # As above.
    _revoke()


def _create_windows() -> None:
    op.create_table(
        "observation",
        sa.Column("subject", PgUUID(as_uuid=True), primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.Text),
        sa.Column("amount_minor", sa.BigInteger),
        sa.CheckConstraint(
            "kind <> 'spent' OR (currency IS NOT NULL AND amount_minor IS NOT NULL)", name="observation_spent"
        ),
    )
    op.create_index("observation_of_user", "observation", ["user_id", "kind", "at"])
    op.create_index("observation_by_age", "observation", ["at"])
    op.create_table(
        "spent_hour",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("currency", sa.Text, primary_key=True),
        sa.Column("hour", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("minor", sa.BigInteger, nullable=False),
        sa.Column("debits", sa.BigInteger, nullable=False),
    )
    op.create_index("spent_hour_by_age", "spent_hour", ["hour"])


def _create_flags() -> None:
    op.create_table(
        "flag",
        sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("rules", ARRAY(sa.Text), nullable=False),
        sa.Column("score", sa.Double, nullable=False),
        sa.Column("seen", sa.Text, nullable=False),
        sa.Column("freezes", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.CheckConstraint("state IN ('logged', 'open', 'confirmed', 'disputed')", name="flag_state"),
        sa.CheckConstraint(
            "(state IN ('confirmed', 'disputed')) = (answered_at IS NOT NULL)", name="flag_answered"
        ),
        sa.CheckConstraint("score > 0 AND score <= 1", name="flag_score"),
    )
    op.create_index("flag_of_user", "flag", ["user_id", "number"])
    op.create_table(
        "hit",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("rule", sa.Text, primary_key=True),
        sa.Column("alerting", sa.Boolean, primary_key=True),
        sa.Column("window_start", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("flag_id", PgUUID(as_uuid=True), nullable=False),
    )


def _revoke() -> None:
    """What was seen stays as it was. The service's role is the owner's name without the suffix."""
    op.execute("""
        DO $$
        DECLARE
            service text := regexp_replace(current_user, '_owner$', '');
        BEGIN
            EXECUTE format('REVOKE TRUNCATE ON observation, spent_hour FROM %I', service);
            EXECUTE format('REVOKE DELETE, TRUNCATE ON flag, parked_event FROM %I', service);
            EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON hit, inbox FROM %I', service);
            EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON alembic_version FROM %I', service);
            EXECUTE format('REVOKE UPDATE ON flag FROM %I', service);
            EXECUTE format('GRANT UPDATE (state, answered_at) ON flag TO %I', service);
        END $$
    """)
