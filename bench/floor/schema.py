"""The floor's tables and broker objects: the product's, reduced to what its path touches."""

from __future__ import annotations

from collections.abc import Sequence

import aio_pika
import asyncpg

from bench.config import Config

EVENTS = "floor.credit.events"
ROUTING_KEY = "credit.deducted.v1"
WORK = "floor.notifier.critical"
NOTIFICATIONS = "floor.notifications"

TABLES = """
CREATE TABLE account (
    user_id text PRIMARY KEY,
    balance bigint NOT NULL CHECK (balance >= 0),
    version bigint NOT NULL DEFAULT 0
);
CREATE TABLE transfer (
    id uuid PRIMARY KEY,
    user_id text NOT NULL,
    amount bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transfer_id uuid NOT NULL REFERENCES transfer,
    account text NOT NULL,
    amount bigint NOT NULL
);
CREATE TABLE outbox (id uuid PRIMARY KEY, body text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE inbox (event_id uuid PRIMARY KEY, seen_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE stream (user_id text PRIMARY KEY, last_seq bigint NOT NULL, unread bigint NOT NULL);
CREATE TABLE notification (
    user_id text NOT NULL,
    seq bigint NOT NULL,
    transfer_id uuid NOT NULL,
    text text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, seq)
);
"""

# Users of one call are distinct: an UPDATE touches each row once.
DEBIT = """
WITH wanted AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[])
        AS w(transfer_id, event_id, user_id, amount)
), claimed AS (
    INSERT INTO transfer (id, user_id, amount)
    SELECT transfer_id, user_id, amount FROM wanted
    ON CONFLICT DO NOTHING RETURNING id
), moved AS (
    UPDATE account a SET balance = a.balance - w.amount, version = a.version + 1
    FROM wanted w JOIN claimed c ON c.id = w.transfer_id
    WHERE a.user_id = w.user_id AND a.balance >= w.amount
    RETURNING w.transfer_id, w.event_id, w.user_id, w.amount, a.balance, a.version
), entries AS (
    INSERT INTO entry (transfer_id, account, amount)
    SELECT transfer_id, user_id, -amount FROM moved
    UNION ALL SELECT transfer_id, 'revenue', amount FROM moved
)
INSERT INTO outbox (id, body)
SELECT event_id, json_build_object(
    'transfer_id', transfer_id, 'user_id', user_id, 'amount', amount, 'currency', 'USD',
    'balance_after', balance, 'version', version, 'reason', 'SMS verification',
    'reference', 'bench', 'occurred_at', now())::text
FROM moved
RETURNING id, body
"""

STORE = """
WITH event AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[]) WITH ORDINALITY
        AS e(event_id, user_id, transfer_id, text, place)
), fresh AS (
    INSERT INTO inbox (event_id) SELECT event_id FROM event ON CONFLICT DO NOTHING RETURNING event_id
), kept AS (
    SELECT e.*,
        row_number() OVER (PARTITION BY user_id ORDER BY place) AS step,
        count(*) OVER (PARTITION BY user_id) AS steps
    FROM event e JOIN fresh USING (event_id)
), moved AS (
    INSERT INTO stream AS s (user_id, last_seq, unread)
    SELECT user_id, count(*), count(*) FROM kept GROUP BY user_id ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE
        SET last_seq = s.last_seq + EXCLUDED.last_seq, unread = s.unread + EXCLUDED.unread
    RETURNING user_id, last_seq, unread
)
INSERT INTO notification (user_id, seq, transfer_id, text)
SELECT user_id, last_seq - steps + step, transfer_id, text FROM kept JOIN moved USING (user_id) ORDER BY place
RETURNING user_id, seq, transfer_id, text, created_at
"""


async def create(config: Config, users: Sequence[str]) -> None:
    """Makes tables, funded accounts and broker objects, from nothing."""
    await create_accounts(config.database_url, users)
    async with await aio_pika.connect_robust(config.broker_url) as broker:
        channel = await broker.channel()
        events = await channel.declare_exchange(EVENTS, aio_pika.ExchangeType.TOPIC, durable=True)
        work = await channel.declare_queue(
            WORK, durable=True, arguments={"x-queue-type": "quorum", "x-delivery-limit": 20}
        )
        await work.bind(events, ROUTING_KEY)
        await channel.declare_exchange(NOTIFICATIONS, aio_pika.ExchangeType.TOPIC, durable=True)


async def create_accounts(database_url: str, users: Sequence[str]) -> None:
    """The tables, and money for everybody."""
    database = await asyncpg.connect(database_url)
    try:
        await database.execute(TABLES)
        await database.execute("INSERT INTO account SELECT u, 1000000000, 0 FROM unnest($1::text[]) u", users)
    finally:
        await database.close()
