"""Tables of a consuming service: events it has handled, and events it could not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUUID

if TYPE_CHECKING:
    from alembic.operations import Operations

_BY_STATE, _STATE = "parked_event_by_state", ["state", "number"]


def inbox_table(metadata: sa.MetaData, *more: sa.Column[Any]) -> sa.Table:
    """``more`` is what a service keeps of an event beyond that it came."""
    return sa.Table("inbox", metadata, *_inbox_columns(), *more)


def parked_event_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table("parked_event", metadata, *_parked_columns(), sa.Index(_BY_STATE, *_STATE))


def create_inbox(op: Operations, *more: sa.Column[Any]) -> None:
    """Both tables, for a service's first migration."""
    op.create_table("inbox", *_inbox_columns(), *more)
    op.create_table("parked_event", *_parked_columns())
    op.create_index(_BY_STATE, "parked_event", _STATE)


def _inbox_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("event_id", PgUUID(as_uuid=True), primary_key=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    )


def _parked_columns() -> tuple[sa.Column[object], ...]:
    now = sa.text("now()")
    return (
        # The event's id where it could be read, otherwise one derived from the message: repeats meet here.
        sa.Column("id", PgUUID(as_uuid=True), primary_key=True),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("routing_key", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
        # "attempting" is written before a try, so that a crash leaves its trace; then "parked" or "handled".
        # An operator may make it "discarded".
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="1"),
        # How many of them have come to no end: they ended the process, or are under way.
        sa.Column("unfinished", sa.Integer, nullable=False, server_default="0"),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("headers", JSONB, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("discarded_by", sa.Text),
        sa.Column("discard_reason", sa.Text),
    )
