"""The tables as SQLAlchemy Core sees them; checks and rights live in the migrations."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from shared.inbox import inbox_table, parked_event_table
from shared.outbox import outbox_table, sent_table

metadata = sa.MetaData()

_now = sa.text("now()")

# The windows. A fact is here once, by however many events it is told.
observation = sa.Table(
    "observation",
    metadata,
    sa.Column("subject", PgUUID(as_uuid=True), primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("currency", sa.Text),
    sa.Column("amount_minor", sa.BigInteger),
)
sa.Index("observation_of_user", observation.c.user_id, observation.c.kind, observation.c.at)
sa.Index(
    "observation_of_amount",
    observation.c.user_id,
    observation.c.kind,
    observation.c.currency,
    observation.c.amount_minor,
    observation.c.at,
    postgresql_where=observation.c.amount_minor.is_not(None),
)
sa.Index("observation_by_age", observation.c.at)

# The habit: 30 days of somebody who spends all the time are 720 rows, not as many as debits.
spent_hour = sa.Table(
    "spent_hour",
    metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("currency", sa.Text, primary_key=True),
    sa.Column("hour", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("minor", sa.BigInteger, nullable=False),
    sa.Column("debits", sa.BigInteger, nullable=False),
)
sa.Index("spent_hour_by_age", spent_hour.c.hour)

flag = sa.Table(
    "flag",
    metadata,
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
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_now),
)
sa.Index("flag_of_user", flag.c.user_id, flag.c.number)

# Which rule has spoken about whom, and for which window: its key is why it is said once in each.
hit = sa.Table(
    "hit",
    metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("rule", sa.Text, primary_key=True),
    # A rule that is made to alert does so, though it was logged a moment before.
    sa.Column("alerting", sa.Boolean, primary_key=True),
    sa.Column("window_start", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("flag_id", PgUUID(as_uuid=True), nullable=False),
)

inbox = inbox_table(metadata)
parked_event = parked_event_table(metadata)
outbox = outbox_table(metadata)
sent = sent_table(metadata)
