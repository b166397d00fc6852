"""Coverage's tables: what the ledger has stated, and which of its transfers no notification shows."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID as PgUUID

_now = sa.text("now()")


def coverage_tables(metadata: sa.MetaData) -> None:
    # One row. All statements up to a number have been heard, and with them all transfers until a moment.
    sa.Table(
        "coverage_ledger",
        metadata,
        sa.Column("singleton", sa.Boolean, primary_key=True, server_default=sa.true()),
        sa.Column("heard_up_to", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("era", sa.DateTime(timezone=True)),  # When the ledger's last one began that was heard of.
        sa.Column("stated_until", sa.DateTime(timezone=True)),
        sa.Column("asked_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("singleton", name="coverage_ledger_singleton"),
    )
    # Heard beyond that, as one before them is missing.
    sa.Table(
        "coverage_statement",
        metadata,
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
    )
    sa.Table(
        "coverage_kind",
        metadata,
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("stated", sa.BigInteger, nullable=False),
    )
    hole = sa.Table(
        "coverage_hole",
        metadata,
        sa.Column("transfer_id", PgUUID(as_uuid=True), primary_key=True),
        sa.Column("event_id", PgUUID(as_uuid=True), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),  # Signed: positive is money in.
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
        # When and how often its event was asked for again.
        sa.Column("asked_at", sa.DateTime(timezone=True)),
        sa.Column("asks", sa.Integer, nullable=False, server_default="0"),
    )
    sa.Index("coverage_hole_checked", hole.c.checked_at)
    sa.Index("coverage_hole_oldest", hole.c.created_at)
