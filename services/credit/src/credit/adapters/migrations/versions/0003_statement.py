"""The ledger states itself: each transfer knows its event and its transaction, each statement its number."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from shared.db.xid8 import Xid8

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"
BOOKING = ("move_credits", "deduct_many", "post_hold")


def upgrade() -> None:
    op.add_column("transfer", sa.Column("event_id", PgUUID(as_uuid=True)))
    # First without the default: rows that are there keep NULL, and the table is not written anew.
    op.add_column("transfer", sa.Column("xid", Xid8))
    op.alter_column("transfer", "xid", server_default=sa.text("pg_current_xact_id()"))
    op.create_check_constraint("transfer_told", "transfer", "event_id IS NOT NULL OR xid IS NULL")
    op.create_index("transfer_xid", "transfer", ["xid"], postgresql_where=sa.text("xid IS NOT NULL"))
    for name in BOOKING:
        op.execute((SQL / f"{name}.sql").read_text().replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    _create_statement()


def _create_statement() -> None:
    op.create_table(
        "statement",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("through", Xid8, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True)),
    )
    op.create_index("statement_untold", "statement", ["number"], postgresql_where=sa.text("told_at IS NULL"))
    op.execute("INSERT INTO statement VALUES (0, '0', now(), now())")
    op.create_table(
        "statement_era",
        sa.Column("began", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("first_number", sa.BigInteger, nullable=False),
        sa.Column("server", sa.Text, nullable=False),
    )
    op.execute("""
        DO $$
        DECLARE service text := regexp_replace(current_user, '_owner$', '');
        BEGIN
            EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON statement, statement_era FROM %I', service);
            EXECUTE format('GRANT UPDATE (told_at) ON statement TO %I', service);
        END $$
    """)
