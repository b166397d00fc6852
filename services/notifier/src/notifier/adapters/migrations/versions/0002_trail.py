"""The trail: what happened to each event, chained and signed, and never changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from shared.db.xid8 import Xid8

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = ("trail_entry", "trail_seal", "trail_checkpoint")

_REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: the trail is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$
"""

_RIGHTS = """
DO $$
DECLARE service text := regexp_replace(current_user, '_owner$', '');
BEGIN
    IF service <> current_user THEN
        EXECUTE format(
            'REVOKE UPDATE, DELETE, TRUNCATE ON trail_entry, trail_seal, trail_checkpoint FROM %I', service
        );
        -- When it happened is not the service's to say.
        EXECUTE format('REVOKE INSERT ON trail_entry FROM %I', service);
        EXECUTE format(
            'GRANT INSERT (user_id, what, event_id, transfer_id, epoch, seq, up_to, detail)'
            ' ON trail_entry TO %I', service
        );
    END IF;
END $$
"""


def upgrade() -> None:
    _create_entry()
    _create_seal()
    _create_checkpoint()
    op.execute(_REFUSE_CHANGE)
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        # ALWAYS: not even a replication session passes them by.
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")
    op.execute(_RIGHTS)


def _create_entry() -> None:
    op.create_table(
        "trail_entry",
        sa.Column("xid", Xid8, nullable=False, server_default=sa.text("pg_current_xact_id()")),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("event_id", PgUUID(as_uuid=True)),
        sa.Column("transfer_id", PgUUID(as_uuid=True)),
        sa.Column("epoch", sa.Integer),
        sa.Column("seq", sa.BigInteger),
        sa.Column("up_to", sa.BigInteger),
        sa.Column(
            "at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")
        ),
        sa.Column("detail", sa.JSON, nullable=False, server_default=sa.text("'{}'::json")),
        sa.CheckConstraint(
            "what IN ('stored', 'suppressed', 'parked', 'discarded',"
            " 'pushed', 'acknowledged', 'read', 'rebuilt')",
            name="trail_entry_what",
        ),
    )
    op.create_index("trail_entry_user", "trail_entry", ["user_id", "id"])
    op.create_index(
        "trail_entry_transfer",
        "trail_entry",
        ["transfer_id"],
        postgresql_where=sa.text("transfer_id IS NOT NULL"),
    )
    reference = sa.text("(detail ->> 'reference')")
    op.create_index(
        "trail_entry_reference",
        "trail_entry",
        [reference],
        postgresql_where=sa.text("detail ->> 'reference' IS NOT NULL"),
    )
    op.create_index(
        "trail_entry_later",
        "trail_entry",
        ["user_id", "what", "event_id"],
        postgresql_where=sa.text("what IN ('parked', 'discarded', 'read', 'rebuilt')"),
    )
    op.create_index(
        "trail_entry_range",
        "trail_entry",
        ["user_id", sa.text("length((up_to - seq)::text)"), "seq"],
        postgresql_where=sa.text("up_to IS NOT NULL"),
    )


def _create_seal() -> None:
    op.create_table(
        "trail_seal",
        sa.Column("user_id", sa.Text(collation="C"), primary_key=True),
        sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("entry_id", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.UniqueConstraint("entry_id", name="trail_seal_entry_unique"),
        sa.UniqueConstraint("number", name="trail_seal_number_unique"),
        sa.CheckConstraint("place > 0 AND octet_length(hash) = 32", name="trail_seal_fits"),
    )


def _create_checkpoint() -> None:
    op.create_table(
        "trail_checkpoint",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous", sa.LargeBinary, nullable=False),
        sa.Column("leaves", sa.Integer, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("after", sa.BigInteger, nullable=False),
        sa.Column("up_to", sa.BigInteger, nullable=False),
        sa.Column("settled", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("previous", name="trail_checkpoint_previous_unique"),
        sa.UniqueConstraint("up_to", name="trail_checkpoint_up_to_unique"),
        sa.CheckConstraint("number > 0 AND leaves > 0 AND after < up_to", name="trail_checkpoint_fits"),
    )
