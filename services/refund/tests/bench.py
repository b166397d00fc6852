"""Everything around the refund service, moved by hand: callers, credit, events from one to the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx

from credit.consumers import SUBSCRIPTIONS as CREDIT_SUBSCRIPTIONS
from refund.api import refunds as refunds_router
from refund.consumers import subscriptions
from refund.domain.pace import Pace
from refund.handlers.errands import ErrandRunner
from shared.db import Database
from shared.events import Envelope, Event
from shared.events.payment import PaymentCompleted, PaymentRefunded, PaymentRefundFailed
from shared.events.verification import (
    VerificationCancelled,
    VerificationCodeReceived,
    VerificationNumberAssigned,
    VerificationTimedOut,
)
from shared.http import Keyring, create_app
from shared.http.auth import ServiceToken
from shared.http.credit import Credit
from shared.inbox import Subscriptions, is_new
from shared.money import InvalidAmount, Money
from shared.outbox import OUTBOX_COLUMNS, Outbox
from shared.outbox.table import to_envelope
from shared.pages import InvalidCursor
from shared.testing.crashes import CrashingOutbox, Fuse
from shared.testing.deliveries import envelope_of
from shared.testing.identities import Issuer, auth_keys

if TYPE_CHECKING:
    from asyncpg import Record
    from fastapi import FastAPI

    from credit.main import Settings as CreditSettings
    from refund.main import Settings

NOWHERE = "amqp://none:none@127.0.0.1:1/none"
USER, OPERATOR, SERVICE = ("user",), ("operator",), ("service",)
STEPS = (300.0, 3600.0, 86400.0)


@dataclass(frozen=True)
class Callers:
    users: Issuer
    services: Issuer

    def keys(self) -> str:
        return auth_keys(self.users.key(), self.services.pair.verifier(self.services.kid, SERVICE))

    def headers(self, caller: str, roles: Sequence[str], key: str | None) -> dict[str, str]:
        issuer = self.services if "service" in roles else self.users
        headers = {"authorization": f"Bearer {issuer.token(caller, roles)}"}
        return headers if key is None else headers | {"idempotency-key": key}


class Line(httpx.AsyncBaseTransport):
    """The line to credit. It can be cut before a request gets there, or before the answer comes back."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._inner = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.mend()

    def mend(self) -> None:
        """As new."""
        self.cut: str | None = None  # "before" or "after"
        self.refusing: int | None = None  # The status that everything is answered with.
        self.calls: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.cut == "before":
            raise httpx.ConnectTimeout("cut before")
        if self.refusing is not None:
            return httpx.Response(self.refusing, json={"code": "refused", "detail": "Not now."})
        self.calls.append(f"{request.method} {request.url.path}")
        answer = await self._inner.handle_async_request(request)
        await answer.aread()
        if self.cut == "after":
            raise httpx.ReadTimeout("cut after")
        return answer


class Bench:
    """Two services' insides, with the broker played by ``carry``."""

    def __init__(
        self, db: Database, outbox: Outbox, credit_outbox: Outbox, line: Line, callers: Callers, fuse: Fuse
    ) -> None:
        self.db = db
        self.outbox = outbox
        self.fuse = fuse
        self.credit_outbox = credit_outbox
        self.http: httpx.AsyncClient
        self.line = line
        self.callers = callers
        self.pace = Pace(steps=STEPS)
        self.subscriptions = subscriptions(self.pace)
        credit_http = httpx.AsyncClient(transport=line, base_url="http://credit")
        self.credit = Credit(credit_http, ServiceToken("refund", callers.services.pair.private))
        self.errands = ErrandRunner(outbox, self.credit, self.pace)

    # -------------------------------------------------------------- requests

    async def call(
        self,
        method: str,
        path: str,
        caller: str,
        body: object = None,
        *,
        roles: Sequence[str] = USER,
        key: str | None = None,
    ) -> httpx.Response:
        headers = self.callers.headers(caller, roles, key)
        return await self.http.request(method, f"/v1/refunds{path}", json=body, headers=headers)

    async def ask(
        self, caller: str, *, roles: Sequence[str] = USER, key: str | None = None, **body: object
    ) -> httpx.Response:
        body = {"reason": "No longer needed", **body}
        sent = {name: str(value) if isinstance(value, UUID) else value for name, value in body.items()}
        return await self.call("POST", "", caller, sent, roles=roles, key=key or str(uuid4()))

    async def process(self, refund_id: object) -> httpx.Response:
        return await self.call("POST", f"/{refund_id}/process", "op", roles=OPERATOR)

    async def cancel(self, refund_id: object, caller: str) -> httpx.Response:
        return await self.call("POST", f"/{refund_id}/cancel", caller)

    # -------------------------------------------------------------- what a user has

    async def user_with(self, amount: str = "0") -> str:
        """A new user with so many credits."""
        user = f"user-{uuid4()}"
        transport = httpx.ASGITransport(self.line.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://credit") as http:
            headers = self.callers.headers(user, USER, None)
            opened = await http.post("/v1/accounts", json={"currency": "USD"}, headers=headers)
            assert opened.status_code == 201, opened.text
            if Money.parse(amount, "USD").minor:
                body = {"amount": amount, "currency": "USD", "source": "manual", "reason": "Test"}
                headers = self.callers.headers("op", OPERATOR, str(uuid4()))
                added = await http.post(f"/v1/accounts/{user}/credits", json=body, headers=headers)
                assert added.status_code == 201, added.text
        return user

    async def close_account(self, user: str) -> None:
        async with self.credit_outbox.transaction() as tx:
            await tx.execute("UPDATE account SET closed_at = now() WHERE user_id = $1", user)

    async def spend(self, user: str, amount: str) -> None:
        transport = httpx.ASGITransport(self.line.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://credit") as http:
            body = {"amount": amount, "currency": "USD", "reason": "Test"}
            headers = self.callers.headers(user, USER, str(uuid4()))
            spent = await http.post("/v1/accounts/me/debits", json=body, headers=headers)
            assert spent.status_code == 201, spent.text

    async def paid(self, user: str, minor: int = 10_00, payment_id: UUID | None = None) -> UUID:
        """A completed payment, as the refund service hears of it."""
        id_ = payment_id or uuid4()
        change = {"currency": "USD", "amount_minor": minor, "balance_after": minor, "held_after": 0}
        event = PaymentCompleted(
            transfer_id=uuid4(), version=1, payment_id=id_, reference=f"PAY-{id_.hex[:8]}", **change
        )
        await self.hear(event, user)
        return id_

    async def bought(self, user: str, minor: int = 1_00) -> UUID:
        """A verification that was charged for and whose code may still come."""
        id_ = uuid4()
        charged = {**self.charged(id_, minor), "phone_number": "+15550100"}
        await self.hear(VerificationNumberAssigned.model_validate(charged), user)
        return id_

    async def verified(self, user: str, minor: int = 1_00) -> UUID:
        """One whose code has come."""
        id_ = await self.bought(user, minor)
        await self.code_came(user, id_)
        return id_

    async def code_came(self, user: str, verification_id: UUID) -> None:
        event = VerificationCodeReceived(verification_id=verification_id, service="WhatsApp", code="12345")
        await self.hear(event, user)

    @staticmethod
    def charged(verification_id: UUID, minor: int = 1_00) -> dict[str, Any]:
        return {
            "verification_id": verification_id,
            "service": "WhatsApp",
            "currency": "USD",
            "amount_minor": minor,
            "transfer_id": uuid4(),
        }

    async def timed_out(self, user: str, verification_id: UUID, minor: int = 1_00) -> None:
        await self.hear(VerificationTimedOut.model_validate(self.charged(verification_id, minor)), user)

    async def was_cancelled(self, user: str, verification_id: UUID, minor: int = 1_00) -> None:
        await self.hear(VerificationCancelled.model_validate(self.charged(verification_id, minor)), user)

    # -------------------------------------------------------------- events

    async def hear(self, event: Event, user: str, event_id: UUID | None = None) -> None:
        """The refund service gets this event."""
        await deliver(self.outbox, self.subscriptions, envelope_of(event, user, event_id=event_id))

    async def returned(self, refund: dict[str, Any], event_id: UUID | None = None) -> None:
        """The provider has given the money back, says payment."""
        await self.hear(PaymentRefunded(**_payment_refund(refund)), refund["user_id"], event_id)

    async def refused(self, refund: dict[str, Any], reason: str = "card closed") -> None:
        event = PaymentRefundFailed(**_payment_refund(refund), reason=reason)
        await self.hear(event, refund["user_id"])

    async def carry(self, user: str) -> None:
        """Bring every event of this user to whom it concerns, again and again until nothing new is said."""
        seen: set[UUID] = set()
        while True:
            said = [
                (envelope, to)
                for envelope, to in [
                    *((e, "credit") for e in await envelopes(self.outbox, user, "refund")),
                    *((e, "refund") for e in await envelopes(self.credit_outbox, user, "credit")),
                ]
                if envelope.id not in seen
            ]
            if not said:
                return
            for envelope, to in said:
                seen.add(envelope.id)
                if to == "credit":
                    await deliver(self.credit_outbox, CREDIT_SUBSCRIPTIONS, envelope)
                else:
                    await deliver(self.outbox, self.subscriptions, envelope)

    @staticmethod
    async def lose(outbox: Outbox, event_id: UUID) -> None:
        """It was published, and lost."""
        async with outbox.transaction() as tx:
            await tx.execute("DELETE FROM outbox WHERE id = $1", event_id)

    # -------------------------------------------------------------- looking

    async def published(self, user: str) -> list[str]:
        """Short names of what the refund service has said, in order."""
        return [e.type.removesuffix(".v1") for e in await envelopes(self.outbox, user, "refund")]

    async def events(self, user: str) -> list[dict[str, Any]]:
        """Their data, with the type."""
        return [
            {"type": e.type.removesuffix(".v1"), "id": e.id, **e.event().model_dump()}
            for e in await envelopes(self.outbox, user, "refund")
        ]

    async def row(self, refund_id: object) -> Record:
        async with self.outbox.transaction() as tx:
            row = await tx.fetchrow(
                "SELECT *, due_at - now() AS due_in FROM refund WHERE id = $1", UUID(str(refund_id))
            )
        assert row is not None
        return row

    async def state(self, refund_id: object) -> str:
        return str((await self.row(refund_id))["state"])

    async def reserved(self, refundable_id: UUID) -> int:
        async with self.outbox.transaction() as tx:
            row = await tx.fetchrow("SELECT reserved_minor FROM refundable WHERE id = $1", refundable_id)
        assert row is not None
        return int(row["reserved_minor"])

    async def balance(self, user: str) -> tuple[int, int]:
        """Posted and held at credit, in cents."""
        async with self.credit_outbox.transaction() as tx:
            row = await tx.fetchrow("SELECT posted, held FROM account WHERE user_id = $1", user)
        assert row is not None
        return row["posted"], row["held"]

    async def do(self, refund_id: object) -> None:
        """Its errand is due."""
        await self.errands.do(UUID(str(refund_id)))


async def deliver(outbox: Outbox, subscribed: Subscriptions, envelope: Envelope) -> None:
    """As a subscriber does it: inbox row, effects and new events in one transaction."""
    event = envelope.event()
    handler = subscribed.get(type(event))
    if handler is None:
        return
    async with outbox.transaction() as tx:
        if await is_new(tx, envelope.id):
            await handler(tx, envelope, event)


async def envelopes(outbox: Outbox, user: str, source: str) -> list[Envelope]:
    async with outbox.transaction() as tx:
        rows = await tx.fetch(
            f"SELECT {OUTBOX_COLUMNS} FROM outbox WHERE user_id = $1 ORDER BY occurred_at, id",  # noqa: S608
            user,
        )
    return [to_envelope(row, source) for row in rows]


def _payment_refund(refund: dict[str, Any]) -> dict[str, Any]:
    return {
        "payment_id": refund["payment_id"],
        "currency": refund["currency"],
        "amount_minor": Money.parse(refund["amount"], refund["currency"]).minor,
        "reference": "PAY-1",
        "refund_id": refund["refund_id"],
    }


async def all_of(*calls: Any) -> list[Any]:
    """At once."""
    return list(await asyncio.gather(*calls))


@asynccontextmanager
async def open_bench(
    settings: Settings, credit_settings: CreditSettings, credit_app: FastAPI, callers: Callers
) -> AsyncIterator[Bench]:
    db = Database(settings.database_url, application="tests")
    credit_db = Database(credit_settings.database_url, application="tests")
    await db.connect()
    await credit_db.connect()
    fuse = Fuse()
    outbox = CrashingOutbox(db, NOWHERE, "refund", fuse)
    credit_outbox = Outbox(credit_db, NOWHERE, "credit")
    line = Line(credit_app)

    @asynccontextmanager
    async def idle(_: object) -> AsyncIterator[None]:
        yield

    bench = Bench(db, outbox, credit_outbox, line, callers, fuse)
    app = create_app(
        "refund",
        keyring=Keyring.from_json(settings.auth_keys),
        routers=[refunds_router(outbox, bench.credit, bench.pace, lambda: None)],
        lifespan=idle,
        problems={InvalidAmount: (422, "invalid_amount"), InvalidCursor: (422, "invalid_cursor")},
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://refund") as http:
        bench.http = http
        yield bench
    await db.close()
    await credit_db.close()
