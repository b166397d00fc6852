"""What the tests act with: the use cases on a real database, the HTTP face, and the real credit service."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import inf
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import orjson

from credit.consumers import add_paid_credits
from payment.adapters import payments, refunds
from payment.adapters.providers import Providers
from payment.adapters.providers.fake import FakeProvider
from payment.consumers import subscriptions
from payment.domain.payment import Intent, Payment, ProviderRefund
from payment.domain.policy import Policy
from payment.domain.provider import WebhookEvent
from payment.handlers import webhooks
from payment.handlers.checkouts import Checkouts
from payment.handlers.janitor import Janitor
from payment.handlers.refunding import Refunds
from payment.handlers.webhooks import Webhooks
from shared.db import Database
from shared.events.credit import CreditAdded, CreditRejected
from shared.events.payment import PaymentSucceeded
from shared.events.refund import RefundProcessing
from shared.http.credit import Credit
from shared.inbox import is_new
from shared.money import Money
from shared.outbox import OUTBOX_COLUMNS, Outbox
from shared.outbox.table import to_envelope
from shared.testing.deliveries import envelope_of
from shared.testing.identities import Issuer
from shared.testing.waiting import until

if TYPE_CHECKING:
    from asyncpg import Record
    from fastapi import FastAPI

    from shared.events import Envelope, Event

NOWHERE = "amqp://payment:none@127.0.0.1:1/none"
NEVER = inf
POLICY = Policy(
    janitor_steps_seconds=(300.0, 3600.0),
    checkout_seconds=1800.0,
    call_seconds=8.0,
    min_amount=Decimal(1),
    max_amount=Decimal(10000),
    max_open=20,
)


class Desk:
    """All use cases on the real database; errands run when a test says so, and the provider is in memory."""

    def __init__(
        self, db: Database, outbox: Outbox, credit: Credit, provider: FakeProvider, owner_url: str
    ) -> None:
        self.db, self.outbox, self.provider, self._owner_url = db, outbox, provider, owner_url
        providers = Providers({provider.name: provider})
        self.checkouts = Checkouts(outbox, providers, POLICY, lambda: None)
        self.janitor = Janitor(outbox, providers, credit, POLICY)
        self.refunds = Refunds(outbox, providers, POLICY)
        self.webhooks = Webhooks(outbox, db, providers, self.refunds, POLICY)
        self._heard = {event.TYPE: handle for event, handle in subscriptions(POLICY).items()}

    async def begin(self, minor: int = 2500, *, user: str | None = None, key: UUID | None = None) -> Payment:
        intent = Intent(
            key or uuid4(), "f", user or f"user-{uuid4()}", Money(minor, "USD"), self.provider.name
        )
        return await self.checkouts.open(intent)

    async def now(self, payment: Payment) -> Payment:
        async with self.db.autocommit() as tx:
            found = await payments.get(tx, payment.id)
        assert found is not None
        return found

    async def refund_now(self, refund_id: UUID) -> ProviderRefund:
        async with self.db.autocommit() as tx:
            found = await refunds.get(tx, refund_id)
        assert found is not None
        return found

    async def news(self, payment: Payment, *, event_id: str | None = None, **of: Any) -> UUID:
        """A verified webhook about a payment is stored; its id. ``of`` are fields that are different."""
        fields: dict[str, Any] = {
            "reference": payment.reference,
            "kind": "checkout",
            "provider_id": None,
            **of,
        }
        event = WebhookEvent(event_id or str(uuid4()), **fields)
        await webhooks.receive(self.db, self.provider.name, event)
        async with self.db.autocommit() as tx:
            row = await tx.fetchrow("SELECT id FROM webhook WHERE event_id = $1", event.event_id)
        assert row is not None
        return UUID(str(row["id"]))

    async def hear_of(self, payment: Payment, **of: Any) -> Payment:
        """A webhook, stored and processed."""
        await self.webhooks.process(await self.news(payment, **of))
        return await self.now(payment)

    async def paid(self, minor: int = 2500) -> Payment:
        payment = await self.begin(minor)
        self.provider.pay(payment.reference)
        return await self.hear_of(payment)

    async def completed(self, minor: int = 2500) -> Payment:
        payment = await self.paid(minor)
        await self.hear(credited(payment), payment.user_id)
        return await self.now(payment)

    async def refund_of(self, payment: Payment, minor: int = 1000) -> tuple[UUID, str]:
        """The refund service wants so much of a payment given back; the refund's id, and the user's."""
        refund_id = uuid4()
        await self.hear(processing(payment, refund_id, minor), payment.user_id)
        return refund_id, payment.user_id

    async def hear(self, event: Event, user: str) -> None:
        """An event, handled in its transaction. (Its inbox row is the Subscriber's.)"""
        async with self.outbox.transaction() as tx:
            await self._heard[event.TYPE](tx, envelope_of(event, user), event)

    async def announced(self, payment: Payment) -> list[Envelope]:
        """Every event that said it was paid."""
        async with self.db.autocommit() as tx:
            rows = await tx.fetch(
                f"SELECT {OUTBOX_COLUMNS} FROM outbox WHERE user_id = $1 AND type = $2",  # noqa: S608  # Ours.
                payment.user_id,
                PaymentSucceeded.TYPE,
            )
        return [to_envelope(row, "payment") for row in rows]

    async def look(self, payment: Payment) -> Payment:
        """Its errand, now."""
        await self.janitor.look(payment.id)
        return await self.now(payment)

    async def overdue(self, payment: Payment) -> Payment:
        """Its deadline passes, and its errand is done."""
        await self.owner_execute("UPDATE payment SET deadline = now() WHERE id = $1", payment.id)
        return await self.look(payment)

    async def owner_execute(self, sql: str, *arguments: object) -> None:
        connection = await asyncpg.connect(self._owner_url)
        try:
            await connection.execute(sql, *arguments)
        finally:
            await connection.close()

    async def row(self, table: str, id_: UUID) -> Record:
        async with self.db.autocommit() as tx:
            found = await tx.fetchrow(f"SELECT * FROM {table} WHERE id = $1", id_)  # noqa: S608  # Ours.
        assert found is not None
        return found

    async def due_in(self, table: str, id_: UUID) -> float:
        """In so many seconds its errand is due, or NEVER."""
        async with self.db.autocommit() as tx:
            row = await tx.fetchrow(
                f"SELECT round(extract(epoch FROM due_at - now()))::int AS due FROM {table} WHERE id = $1",  # noqa: S608  # Ours.
                id_,
            )
        assert row is not None
        return NEVER if row["due"] is None else float(row["due"])

    async def published(self, user: str) -> list[str]:
        """Types of the user's events, in the order in which they were written."""
        return [row["type"].removesuffix(".v1") for row in await self.events(user)]

    async def events(self, user: str) -> list[Record]:
        async with self.db.autocommit() as tx:
            return await tx.fetch("SELECT * FROM outbox WHERE user_id = $1 ORDER BY occurred_at, type", user)


def credited(payment: Payment, balance: int = 2500, version: int = 1) -> Event:
    """What credit says once it has booked the payment."""
    return CreditAdded(
        transfer_id=payment.transfer_id,
        currency=payment.money.currency,
        amount_minor=payment.money.minor,
        balance_after=balance,
        held_after=0,
        version=version,
        source="payment",
        reason="Top-up",
        reference=payment.reference,
    )


def rejected(payment: Payment) -> Event:
    """What credit says where it cannot book it."""
    return CreditRejected(
        transfer_id=payment.transfer_id,
        currency=payment.money.currency,
        amount_minor=payment.money.minor,
        source="payment",
        reason="the account is closed",
        reference=payment.reference,
    )


def processing(payment: Payment, refund_id: UUID, minor: int = 1000, **of: Any) -> Event:
    """What the refund service says when it wants money given back. ``of`` are fields that are different."""
    fields = {
        "refund_id": refund_id,
        "currency": payment.money.currency,
        "amount_minor": minor,
        "reference": f"REF-{refund_id.hex[:8]}",
        "reason": "changed my mind",
        "kind": "money",
        "payment_id": payment.id,
        "transfer_id": uuid4(),
    }
    return RefundProcessing.model_validate(fields | of)


class CreditBooks:
    """The real credit service, told of payments as its broker would."""

    def __init__(self, app: FastAPI, db: Database, outbox: Outbox, issuer: Issuer) -> None:
        self.app, self._db, self._outbox, self._issuer = app, db, outbox, issuer

    async def open_account(self, user: str, currency: str = "USD") -> None:
        transport = httpx.ASGITransport(self.app)
        headers = {"authorization": f"Bearer {self._issuer.token(user)}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://credit") as http:
            opened = await http.post("/v1/accounts", json={"currency": currency}, headers=headers)
        assert opened.status_code == 201, opened.text

    async def book(self, payment: Payment) -> None:
        event = PaymentSucceeded(
            payment_id=payment.id,
            currency=payment.money.currency,
            amount_minor=payment.money.minor,
            reference=payment.reference,
            transfer_id=payment.transfer_id,
        )
        async with self._outbox.transaction() as tx:
            await add_paid_credits(tx, envelope_of(event, payment.user_id), event)

    async def answers(self, told: Sequence[Envelope]) -> list[Envelope]:
        """What it says to payments it is told of. An event that its inbox knows is nothing to it."""
        async with self._outbox.transaction() as tx:
            for envelope in told:
                if await is_new(tx, envelope.id):
                    await add_paid_credits(tx, envelope, PaymentSucceeded.model_validate_json(envelope.data))
            await tx.execute(
                "DELETE FROM outbox WHERE id = ANY($1::uuid[])", [row["id"] for row in tx.written]
            )
        return [to_envelope(row, "credit") for row in tx.written]


class Api:
    """The service's HTTP face, as different callers see it."""

    def __init__(self, http: httpx.AsyncClient, users: Issuer, provider: FakeProvider) -> None:
        self.http = http
        self.provider = provider
        self._users = users

    async def call(
        self,
        method: str,
        path: str,
        caller: str,
        body: object = None,
        *,
        roles: Sequence[str] = ("user",),
        key: str | None = None,
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {self._users.token(caller, roles)}"}
        if key is not None:
            headers["idempotency-key"] = key
        content = None if body is None else orjson.dumps(body)
        if content is not None:
            headers["content-type"] = "application/json"
        return await self.http.request(method, path, content=content, headers=headers)

    async def pay(
        self, user: str, amount: str = "25.00", key: str | None = None, **fields: object
    ) -> httpx.Response:
        body = {"amount": amount, "currency": "USD", **fields}
        return await self.call("POST", "/v1/payments", user, body, key=key or str(uuid4()))

    async def webhook(self, told: dict[str, Any], signature: str | None = None) -> httpx.Response:
        body = orjson.dumps({"id": str(uuid4()), "kind": "checkout", **told})
        headers = {"x-fake-signature": signature or self.provider.sign(body)}
        return await self.http.post("/webhooks/fake", content=body, headers=headers)

    async def until_state(self, payment: dict[str, Any], state: str) -> dict[str, Any]:
        async def reached() -> dict[str, Any] | None:
            path = f"/v1/payments/{payment['payment_id']}"
            view: dict[str, Any] = (await self.call("GET", path, payment["user_id"])).json()
            return view if view["state"] == state else None

        found = await until(reached)
        assert found is not None
        return found
