"""Reads what is left from every service's database, from the broker and the provider."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import orjson
import psutil

from chaos.final import (
    Account,
    Answer,
    Audit,
    Coverage,
    Entry,
    Final,
    Hold,
    Link,
    Notification,
    Parked,
    Payment,
    Refund,
    Refundable,
    Resources,
    Stream,
    Transfer,
    Verification,
)
from ledgerbell.gateway import OperatorSettings
from ledgerbell.providers import Providers
from ledgerbell.stack import MODULES, Stack
from ledgerbell.trail import check_trail
from shared import trail
from shared.events.receipts import is_receipts
from shared.http.auth import OPERATOR
from shared.messaging.topology import receipts_queue, statements_queue
from shared.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from asyncpg import Connection

INBOXES = ("credit", "payment", "refund", "monitor", "notifier")
FORGED = "forged-"  # Webhooks of ours begin so: they lie, and are looked into for long.
OUTBOXES = ("credit", "payment", "refund", "verification", "monitor")
SEALED_SECONDS = 15.0
STATED_SECONDS = 15.0
STATISTICS_SECONDS = 15.0  # The broker's own figures are up to 5 s old.


_CREDIT: dict[str, tuple[type[Any], str]] = {
    "accounts": (
        Account,
        "SELECT user_id, currency, posted, held, version, low_balance_threshold FROM account",
    ),
    "transfers": (
        Transfer,
        "SELECT id::text, user_id, kind, source, amount_minor, currency, version, balance_after,"
        " hold_id::text, reference FROM transfer ORDER BY user_id, version",
    ),
    "entries": (
        Entry,
        "SELECT transfer_id::text, user_id, currency, amount_minor FROM entry ORDER BY number",
    ),
    "holds": (Hold, "SELECT id::text, user_id, currency, amount_minor, status FROM hold"),
    "answers": (
        Answer,
        "SELECT key, status, CASE WHEN answer ? 'kind' THEN answer ->> 'id' END FROM idempotency_key",
    ),
}
_NOTIFIER: dict[str, tuple[type[Any], str]] = {
    "streams": (Stream, "SELECT user_id, epoch, last_seq, unread, rev FROM stream"),
    "notifications": (
        Notification,
        "SELECT user_id, seq, id::text, kind, link, icon || ' ' || title || ' ' || body, transfer_id::text,"
        " read_at IS NOT NULL OR seq <= read_seq"
        " FROM notification JOIN stream USING (user_id) ORDER BY user_id, seq",
    ),
    "balances": (Account, "SELECT user_id, currency, posted, held, version FROM balance"),
}
# Of each user in the order of the chain, and behind it what is not sealed.
_TRAIL = """
SELECT e.user_id, s.place, e.what, e.at, e.event_id, e.transfer_id, e.epoch, e.seq, e.up_to, e.detail, s.hash
FROM trail_entry e LEFT JOIN trail_seal s ON s.entry_id = e.id
ORDER BY e.user_id, s.place NULLS LAST, e.id
"""
_CAME = "SELECT event_id::text FROM inbox WHERE user_id IS NOT NULL"  # Of whatever else came nobody is told.
_PAYMENT: dict[str, tuple[type[Any], str]] = {
    "payments": (
        Payment,
        "SELECT id::text, user_id, amount_minor, state, reference, transfer_id::text FROM payment",
    )
}
_VERIFICATION: dict[str, tuple[type[Any], str]] = {
    "verifications": (
        Verification,
        "SELECT id::text, user_id, price_minor, state, transfer_id::text, hold_id::text FROM verification",
    )
}
_REFUND: dict[str, tuple[type[Any], str]] = {
    "refunds": (
        Refund,
        "SELECT id::text, user_id, refundable_id::text, kind, auto, amount_minor, state,"
        " processing_event_id IS NOT NULL, transfer_id::text, hold_id::text, compensation_transfer_id::text"
        " FROM refund",
    ),
    "refundables": (Refundable, "SELECT id::text, user_id, amount_minor, reserved_minor FROM refundable"),
}
_READ = {
    "credit": _CREDIT,
    "notifier": _NOTIFIER,
    "payment": _PAYMENT,
    "verification": _VERIFICATION,
    "refund": _REFUND,
}


async def read_final(stack: Stack) -> Final:
    """Each database as of one moment. Raises what they raise when one of them does not answer."""
    found: dict[str, Any] = {}
    for service, tables in _READ.items():
        async with _database(stack, service) as connection:
            for name, (row_type, sql) in tables.items():
                found[name] = tuple(row_type(*row.values()) for row in await connection.fetch(sql))
    queues = await _settled_queues(stack)
    found["came"], found["trail"] = await _settled_trail(stack)
    found["audit"] = await _audited(stack)
    found["coverage"] = await _settled_coverage(stack, len(found["transfers"]))
    found["payments"] = await _asked_at_the_provider(stack, found["payments"])
    parked: list[Parked] = []
    twice = {}
    for service in INBOXES:
        async with _database(stack, service) as connection:
            rows = await connection.fetch("SELECT id::text, state, reason, queue, headers FROM parked_event")
            parked += [_parked(service, *row.values()) for row in rows]
            sql = "SELECT event_id::text FROM inbox GROUP BY event_id HAVING count(*) > 1"
            twice[service] = tuple(row["event_id"] for row in await connection.fetch(sql))
    webhooks = f"SELECT count(*) FROM webhook WHERE outcome IS NULL AND event_id NOT LIKE '{FORGED}%'"
    return Final(
        **found,
        parked=tuple(parked),
        twice=twice,
        unsent={service: await _count(stack, service, "SELECT count(*) FROM outbox") for service in OUTBOXES},
        unprocessed={
            service: await _count(stack, service, webhooks) for service in ("payment", "verification")
        },
        queues=queues,
        resources=await read_resources(stack),
    )


async def _settled_coverage(stack: Stack, transfers: int) -> Coverage:
    """Once every transfer is stated, which is done every few seconds."""
    said: dict[str, int] = {}
    url, token = f"{stack.service_url('notifier')}/v1/coverage", stack.token("chaos", [OPERATOR])
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}, trust_env=False) as http:

        async def stated() -> bool:
            said.update((await http.get(url)).raise_for_status().json())
            return said["stated"] >= transfers

        with suppress(TimeoutError):
            await until(stated, within_seconds=STATED_SECONDS, every_seconds=1)
    return Coverage(said["stated"], said["holes"], said["statements_missing"])


def _parked(service: str, id_: str, state: str, reason: str, queue: str, headers: str) -> Parked:
    machinery = queue in (receipts_queue(), statements_queue()) or is_receipts(orjson.loads(headers))
    return Parked(service, id_, state, reason, told=service == "notifier" and not machinery)


async def _audited(stack: Stack) -> Audit:
    """As `ledgerbell audit check --key` does it."""
    settings = OperatorSettings(
        gateway_url=stack.gateway_url, operator_token=stack.token("chaos", [OPERATOR])
    )
    keys = [trail.read_public_key(stack.trail_public_key)]
    found = await asyncio.to_thread(check_trail, settings, keys, ())
    return Audit(tuple(found.faults.values()), found.seals, found.last.number if found.last else 0)


async def _settled_trail(stack: Stack) -> tuple[tuple[str, ...], tuple[Link, ...]]:
    """With what came, of the same moment: once all of it is sealed, which takes a moment."""

    async def sealed() -> bool:
        sql = "SELECT count(*) FROM trail_entry LEFT JOIN trail_seal ON entry_id = id WHERE entry_id IS NULL"
        return not await _count(stack, "notifier", sql)

    with suppress(TimeoutError):
        await until(sealed, within_seconds=SEALED_SECONDS, every_seconds=1)
    return await _read_trail(stack)


async def _read_trail(stack: Stack) -> tuple[tuple[str, ...], tuple[Link, ...]]:
    async with _database(stack, "notifier") as connection:
        came = tuple(row["event_id"] for row in await connection.fetch(_CAME))
        rows = [dict(row) for row in await connection.fetch(_TRAIL)]
    links = []
    for row in rows:
        hash_, at, detail = row.pop("hash"), row.pop("at"), row.pop("detail")
        links.append(Link(trail.Entry(**row, at=trail.moment(at), detail=orjson.loads(detail)), hash_))
    return came, tuple(links)


async def read_resources(stack: Stack) -> Resources:
    """For a record of the history: ``asdict`` of it."""
    activity = await _rows(
        stack.corner.servers.postgres_url,
        # Between two statements every transaction is idle for a moment.
        "SELECT application_name, CASE WHEN state_change < now() - interval '5 s' THEN state END"
        " FROM pg_stat_activity WHERE datname LIKE $1 AND application_name <> ''",
        f"{stack.corner.name}\\_%",
    )
    sessions = dict.fromkeys(_READ, 0)
    idle = dict.fromkeys(_READ, 0)
    for application, state in activity:
        sessions[application] = sessions.get(application, 0) + 1
        idle[application] = idle.get(application, 0) + (state or "").startswith("idle in transaction")
    channels: dict[str, int] = dict.fromkeys(MODULES, 0)
    async with _management(stack) as http:
        for channel in (await http.get(f"/api/vhosts/{stack.corner.name}/channels")).json():
            service = channel["user"].removeprefix(f"{stack.corner.name}-")
            channels[service] = channels.get(service, 0) + 1
    memory = {}
    for service in MODULES:
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            memory[service] = psutil.Process(stack.supervisor.pid(service)).memory_info().rss
    return Resources(sessions, idle, channels, memory)


async def read_queues(stack: Stack) -> dict[str, int]:
    """What lies in each queue, delivered and not acknowledged included; up to 5 s old."""
    async with _management(stack) as http:
        queues = (await http.get(f"/api/queues/{stack.corner.name}")).raise_for_status().json()
    return {queue["name"]: queue.get("messages", 0) for queue in queues}


async def _settled_queues(stack: Stack) -> dict[str, int]:
    """Once the broker's figures are of now."""
    depths: dict[str, int] = {}

    async def empty() -> bool:
        depths.clear()
        depths.update(await read_queues(stack))
        return not any(depths.values())

    with suppress(TimeoutError):
        await until(empty, within_seconds=STATISTICS_SECONDS, every_seconds=1)
    return depths


async def _asked_at_the_provider(stack: Stack, payments: tuple[Payment, ...]) -> tuple[Payment, ...]:
    slots = asyncio.Semaphore(8)

    async def ask(providers: Providers, payment: Payment) -> Payment:
        async with slots:
            try:
                checkout = await providers.checkout(payment.reference)
            except (LookupError, httpx.HTTPError):
                return payment

        return replace(payment, paid=checkout["status"] == "paid")

    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        providers = Providers(
            http, stack.payment_provider_url, stack.sms_provider_url, stack.provider_headers
        )
        return tuple(await asyncio.gather(*(ask(providers, payment) for payment in payments)))


@asynccontextmanager
async def _database(stack: Stack, service: str) -> AsyncIterator[Connection[Any]]:
    connection = await asyncpg.connect(stack.database_url(service))
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection
    finally:
        await connection.close()


async def _count(stack: Stack, service: str, sql: str) -> int:
    async with _database(stack, service) as connection:
        return int(await connection.fetchval(sql))


async def _rows(url: str, sql: str, *arguments: object) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(sql, *arguments))
    finally:
        await connection.close()


@asynccontextmanager
async def _management(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    url = stack.corner.servers.rabbitmq_management_url
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
        yield http
