"""The ledger: accounts, transfers, entries, holds, and the functions that move money in one round trip."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from shared.http.idempotency import create_idempotency
from shared.inbox import create_inbox
from shared.outbox import create_outbox

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"
# In the order in which they use each other.
FUNCTIONS = (
    "change_account",
    "why_refused",
    "replayed",
    "answered",
    "announce",
    "added",
    "deducted",
    "move_credits",
    "deduct_many",
    "place_hold",
    "lock_hold",
    "post_hold",
    "release_hold",
    "void_hold",
    "expire_holds",
)
NOW = sa.text("now()")


def upgrade() -> None:
    _create_account()
    _create_transfer()
    _create_entry()
    _create_hold()
    create_inbox(op)  # type: ignore[arg-type]  # The module stands in for an Operations object.
    create_outbox(op)  # type: ignore[arg-type]  # As above.
    create_idempotency(op)  # type: ignore[arg-type]  # As above.
    op.create_index(
        "idempotency_key_forgettable",
        "idempotency_key",
        ["created_at"],
        postgresql_where=sa.text("scope <> 'event' OR status < 400"),
    )
    _run("movement")
    for name in FUNCTIONS:
        _run(name)
    _guard_entries()
    _revoke()


def _create_account() -> None:
    op.create_table(
        "account",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("currency", sa.Text, primary_key=True),
        sa.Column("posted", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("held", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("version", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("low_balance_threshold", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("low_balance_warned_version", sa.BigInteger),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("frozen_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("posted - held >= 0", name="account_available_not_negative"),
        sa.CheckConstraint("held >= 0", name="account_held_not_negative"),
        sa.CheckConstraint("low_balance_threshold >= 0", name="account_threshold_not_negative"),
        sa.CheckConstraint("length(currency) = 3", name="account_currency"),
        # Room on each page for the next version of a row, so that a debit touches no index.
        postgresql_with={"fillfactor": 70},
    )


def _create_transfer() -> None:
    op.create_table(
        "transfer",
        sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("service", sa.Text),
        sa.Column("reference", sa.Text),
        sa.Column("link", sa.Text),
        sa.Column("hold_id", PgUUID(as_uuid=True)),
        sa.Column("balance_after", sa.BigInteger, nullable=False),
        sa.Column("held_after", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.CheckConstraint("amount_minor > 0", name="transfer_amount_positive"),
        sa.CheckConstraint("kind IN ('addition', 'deduction')", name="transfer_kind"),
        sa.CheckConstraint("(kind = 'addition') = (source IS NOT NULL)", name="transfer_source"),
    )


def _create_entry() -> None:
    op.create_table(
        "entry",
        sa.Column("transfer_id", PgUUID(as_uuid=True), primary_key=True),
        sa.Column("leg", sa.SmallInteger, primary_key=True),
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.Text),
        sa.Column("system_account", sa.Text),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.CheckConstraint("leg IN (1, 2)", name="entry_leg"),
        sa.CheckConstraint(
            "(leg = 1) = (user_id IS NOT NULL) AND (leg = 2) = (system_account IS NOT NULL)",
            name="entry_account",
        ),
        sa.CheckConstraint(
            "system_account IN ('provider_clearing', 'revenue', 'promo', 'refunds')",
            name="entry_system_account",
        ),
    )
    op.create_index(
        "entry_of_user", "entry", ["user_id", "number"], postgresql_where=sa.text("user_id IS NOT NULL")
    )


def _create_hold() -> None:
    op.create_table(
        "hold",
        sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default="placed"),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("service", sa.Text),
        sa.Column("reference", sa.Text),
        sa.Column("link", sa.Text),
        sa.Column("placed_by", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("balance_after", sa.BigInteger, nullable=False),
        sa.Column("held_after", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("event_id", PgUUID(as_uuid=True), nullable=False),
        sa.Column("correlation_id", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["user_id", "currency"], ["account.user_id", "account.currency"]),
        sa.CheckConstraint("amount_minor > 0", name="hold_amount_positive"),
        sa.CheckConstraint("status IN ('placed', 'posted', 'voided', 'expired')", name="hold_status"),
        sa.CheckConstraint("(status = 'placed') = (ended_at IS NULL)", name="hold_ended"),
    )
    op.create_index("hold_due", "hold", ["expires_at"], postgresql_where=sa.text("status = 'placed'"))


def _guard_entries() -> None:
    _run("entries_balance")
    _run("refuse_change")
    op.execute(
        "CREATE TRIGGER entries_balance AFTER INSERT ON entry REFERENCING NEW TABLE AS written"
        " FOR EACH STATEMENT EXECUTE FUNCTION entries_balance()"
    )
    op.execute("ALTER TABLE entry ENABLE ALWAYS TRIGGER entries_balance")
    for table in ("entry", "transfer"):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        # ALWAYS: not even a replication session passes them by.
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")


def _revoke() -> None:
    """The service itself may not even try. Its role is the owner's name without the suffix."""
    op.execute("""
        DO $$
        DECLARE
            service text := regexp_replace(current_user, '_owner$', '');
        BEGIN
            EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON entry, transfer FROM %I', service);
            EXECUTE format('REVOKE DELETE, TRUNCATE ON account, hold FROM %I', service);
            EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON alembic_version FROM %I', service);
        END $$
    """)


def _run(name: str) -> None:
    op.execute((SQL / f"{name}.sql").read_text())
