"""The trail's tables: what happened to each event, its place in its user's chain, and signed checkpoints.

Nobody may change a row of them, and the service may only add.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from shared.db.xid8 import Xid8


def trail_tables(metadata: sa.MetaData) -> None:
    _entry(metadata)
    _seal(metadata)
    _checkpoint(metadata)


def _entry(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "trail_entry",
        metadata,
        # The first column, as defaults are taken in order: who has been given an id is in a transaction that
        # others can see.
        sa.Column("xid", Xid8, nullable=False, server_default=sa.text("pg_current_xact_id()")),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),  # Empty: nobody knows whose.
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("event_id", PgUUID(as_uuid=True)),
        sa.Column("transfer_id", PgUUID(as_uuid=True)),
        sa.Column("epoch", sa.Integer),
        sa.Column("seq", sa.BigInteger),
        sa.Column("up_to", sa.BigInteger),
        sa.Column(
            "at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")
        ),
        # Flat: texts, integers and booleans. As text, since it is read as a whole.
        sa.Column("detail", JSON, nullable=False, server_default=sa.text("'{}'::json")),
        sa.CheckConstraint(
            "what IN ('stored', 'suppressed', 'parked', 'discarded',"
            " 'pushed', 'acknowledged', 'read', 'rebuilt')",
            name="trail_entry_what",
        ),
    )
    sa.Index("trail_entry_user", table.c.user_id, table.c.id)
    known = table.c.transfer_id.is_not(None)
    sa.Index("trail_entry_transfer", table.c.transfer_id, postgresql_where=known)
    reference = table.c.detail["reference"].astext
    sa.Index("trail_entry_reference", reference, postgresql_where=reference.is_not(None))
    # What is told later of an event, or of all of a user's places.
    later = table.c.what.in_(("parked", "discarded", "read", "rebuilt"))
    sa.Index("trail_entry_later", table.c.user_id, table.c.what, table.c.event_id, postgresql_where=later)
    # What is told of a range of places, by how many digits its length has.
    digits = sa.text("length((up_to - seq)::text)")
    ranges = table.c.up_to.is_not(None)
    sa.Index("trail_entry_range", table.c.user_id, digits, table.c.seq, postgresql_where=ranges)


def _seal(metadata: sa.MetaData) -> None:
    sa.Table(
        "trail_seal",
        metadata,
        sa.Column("user_id", sa.Text(collation="C"), primary_key=True),
        sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),  # From 1, without a gap.
        sa.Column("entry_id", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        # In the order of commits, as one seals at a time: a checkpoint covers all up to one of these.
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.UniqueConstraint("entry_id", name="trail_seal_entry_unique"),
        sa.UniqueConstraint("number", name="trail_seal_number_unique"),
        sa.CheckConstraint("place > 0 AND octet_length(hash) = 32", name="trail_seal_fits"),
    )


def _checkpoint(metadata: sa.MetaData) -> None:
    sa.Table(
        "trail_checkpoint",
        metadata,
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),  # From 1, without a gap.
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous", sa.LargeBinary, nullable=False),
        sa.Column("leaves", sa.Integer, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("key", sa.Text, nullable=False),  # The fingerprint of the key that signed.
        sa.Column("signature", sa.LargeBinary, nullable=False),
        # Its leaves are each user's last seal among these numbers: after the one, up to the other.
        sa.Column("after", sa.BigInteger, nullable=False),
        sa.Column("up_to", sa.BigInteger, nullable=False),
        # Every entry up to this id was sealed by then: a sealer that starts begins there.
        sa.Column("settled", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("previous", name="trail_checkpoint_previous_unique"),
        sa.UniqueConstraint("up_to", name="trail_checkpoint_up_to_unique"),
        sa.CheckConstraint("number > 0 AND leaves > 0 AND after < up_to", name="trail_checkpoint_fits"),
    )
