"""Coverage: what the ledger has stated, and which of its transfers no notification shows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID as PgUUID

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NOW = sa.text("now()")


def upgrade() -> None:
    op.create_table(
        "coverage_ledger",
        sa.Column("singleton", sa.Boolean, primary_key=True, server_default=sa.true()),
        sa.Column("heard_up_to", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("era", sa.DateTime(timezone=True)),
        sa.Column("stated_until", sa.DateTime(timezone=True)),
        sa.Column("asked_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("singleton", name="coverage_ledger_singleton"),
    )
    op.execute("INSERT INTO coverage_ledger DEFAULT VALUES")
    op.create_table(
        "coverage_statement",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
    )
    op.create_table(
        "coverage_kind",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("stated", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "coverage_hole",
        sa.Column("transfer_id", PgUUID(as_uuid=True), primary_key=True),
        sa.Column("event_id", PgUUID(as_uuid=True), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("asked_at", sa.DateTime(timezone=True)),
        sa.Column("asks", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_index("coverage_hole_checked", "coverage_hole", ["checked_at"])
    op.create_index("coverage_hole_oldest", "coverage_hole", ["created_at"])
