"""Every service answers as its OpenAPI document says, whoever asks and whatever is asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis.specs.openapi.checks import positive_data_acceptance
from standardwebhooks import Webhook

from ledgerbell.customer import Customer
from ledgerbell.documents.openapi import SERVICES
from ledgerbell.providers import Providers
from ledgerbell.secrets import CALLED
from ledgerbell.stack import Stack
from shared.testing.waiting import until

DOCUMENTS = Path(__file__).parent.parent / "docs" / "api"
USD = {"amount": "1.00", "currency": "USD"}
# How the user comes by what a parameter names.
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "hold_id": ("/v1/accounts/me/holds", USD | {"reason": "A test", "expires_in_seconds": 3600}),
    "transfer_id": ("/v1/accounts/me/debits", USD | {"reason": "A test"}),
    "payment_id": ("/v1/payments", USD),
    "verification_id": ("/v1/verifications", {"service": "whatsapp"}),
    "refund_id": ("/v1/refunds", {"amount": "1.00", "reason": "A test"}),
}
# As shipped no rule alerts, and what is only logged is not the user's to answer.
FLAG = """
INSERT INTO flag (id, user_id, rules, score, seen, freezes, state, occurred_at)
VALUES (gen_random_uuid(), $1, '{a-rule}', 0.5, 'A test', false, 'open', now()) RETURNING id
"""
LETTER = """
INSERT INTO parked_event (id, queue, routing_key, reason, headers, body, state, attempts)
VALUES (gen_random_uuid(), 'a-queue', 'a.key', 'A test', '{}', '{}', 'parked', 1) RETURNING id
"""
NOT_ONES_OWN = {"streams", "trail"}  # Whoever asks there has to say whose.
SUCCESSES = {200, 201, 202, 204}
ALL_ASK = 10
WEBHOOK: dict[str, Any] = {"type": "order.received", "data": {"id": "an-order"}}
# Documents are read before anything is running, so these stand for what the user will have.
STAND_INS = [str(UUID(int=number, version=4)) for number in range(3)]
WORDS = {
    "stand_ins": (
        STAND_INS,
        [
            *(f"path.{name}" for name in WAYS),
            "path.notification_id",
            "path.flag_id",
            "path.letter_id",
            "query.transfer",
        ],
    ),
    "users": (["me"], ["path.user_id", "query.user"]),
    "providers": (["sandbox"], ["path.provider"]),
    "amounts": (["0.01", "1.00"], ["body.amount", "body.low_balance_threshold"]),
    "currencies": (["USD"], ["body.currency"]),
    "services": (["whatsapp"], ["body.service"]),
}
CONFIG = schemathesis.Config.from_dict(
    {
        "dictionaries": {name: {"values": values} for name, (values, _) in WORDS.items()},
        "parameters": {
            parameter: {"dictionary": name, "probability": 0.7}
            for name, (_, parameters) in WORDS.items()
            for parameter in parameters
        },
        "generation": {"max-examples": 10, "deterministic": True, "database": "none"},
        "phases": {"coverage": {"unexpected-methods": ["PATCH"]}},
    }
)


class Signed(AuthBase):
    """Signs a webhook as the sandboxes do, whatever is in it."""

    def __init__(self, secret: str) -> None:
        self._webhook = Webhook(secret)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        body, id_, at = request.body or b"", str(uuid4()), datetime.now(UTC)
        assert isinstance(body, str | bytes)
        signature = self._webhook.sign(id_, at, body if isinstance(body, str) else body.decode())
        request.headers["webhook-id"] = id_
        request.headers["webhook-timestamp"] = str(int(at.timestamp()))
        request.headers["webhook-signature"] = signature
        return request


class Callers:
    """Everybody who may ask, and what one of them has: for each operation something new, not used up."""

    def __init__(
        self, stack: Stack, customer: Customer, *, refunded_at_will: str, refunded_in_parts: str
    ) -> None:
        """With two payments: what is asked at will soon leaves nothing to refund."""
        self._stack = stack
        self._customer = customer
        self._refunded_at_will = refunded_at_will
        self._refunded_in_parts = refunded_in_parts
        self._had: dict[tuple[str, str, str], str] = {}
        self._asked: Counter[tuple[str, str]] = Counter()
        self._let_in: dict[tuple[str, str], int] = {}

    async def ask(self, case: schemathesis.Case[Any]) -> set[int]:
        """As each of them; returns the answers' statuses. Raises where an answer is not documented."""
        service = case.operation.schema.raw_schema["info"]["title"].removeprefix("Ledgerbell ")
        for parameters in (case.path_parameters, case.query):
            for name, value in parameters.items():
                if value in STAND_INS:
                    parameters[name] = await self._have(service, case.operation.label, name, value)
                elif value == "me" and NOT_ONES_OWN.intersection(case.operation.tags):
                    parameters[name] = self._customer.user
        if (
            isinstance(case.body, dict)
            and case.body.get("payment_id")
            and not case.body.get("verification_id")
        ):
            case.body["payment_id"] = self._refunded_at_will
        if "webhooks" not in case.operation.tags:
            return await self._ask_as_they_come(case, service)
        signed = Signed(self._stack.webhook_secret)
        statuses = {await self._call(case, service), await self._call(case, service, auth=signed)}
        case.body = WEBHOOK
        return statuses | {await self._call(case, service, auth=signed)}

    async def _call(self, case: schemathesis.Case[Any], service: str, **how: Any) -> int:
        # Right in form may still be wrong: an unknown currency, a cursor that nobody gave out.
        how["excluded_checks"] = [positive_data_acceptance]
        # In a thread: the services' output is read by this loop, and they stand still when it does.
        answer = await asyncio.to_thread(case.call_and_validate, self._stack.service_url(service), **how)
        return answer.status_code

    async def _ask_as_they_come(self, case: schemathesis.Case[Any], service: str) -> set[int]:
        """At first as all; once somebody was let in, as that one and as one more, in turn."""
        operation, tokens = (service, case.operation.label), self._tokens(service)
        turn = self._asked[operation]
        self._asked[operation] += 1
        asking = set(range(len(tokens)))
        if turn >= ALL_ASK and operation in self._let_in:
            asking = {self._let_in[operation], turn % len(tokens)}
        statuses = set()
        for each in sorted(asking):
            headers = {} if tokens[each] is None else {"Authorization": f"Bearer {tokens[each]}"}
            status = await self._call(case, service, headers=headers)
            if status in SUCCESSES:
                self._let_in[operation] = each
            statuses.add(status)
        return statuses

    def _tokens(self, service: str) -> list[str | None]:
        another_service = CALLED.get(service, ("payment",))[0]  # Whom most do not believe.
        return [
            None,
            self._stack.token(self._customer.user),
            self._stack.token("somebody-else"),
            self._stack.token("operator", ("operator",)),
            self._stack.service_token(another_service),
        ]

    async def _have(self, service: str, operation: str, name: str, stand_in: str) -> str:
        key = operation, name, stand_in
        if key not in self._had:
            self._had[key] = await self._come_by(name, service)
        return self._had[key]

    async def _come_by(self, name: str, service: str) -> str:
        if name in ("notification_id", "transfer"):
            told = (await self._customer.call("GET", "/v1/notifications"))["items"]
            return next(str(each["id" if name == "notification_id" else "transfer_id"]) for each in told)
        if name == "flag_id":
            return await self._made("monitor", FLAG, self._customer.user)
        if name == "letter_id":
            return await self._made(service, LETTER)
        path, body = WAYS[name]
        if name == "refund_id":
            body = body | {"payment_id": self._refunded_in_parts}
        return str((await self._customer.call("POST", path, body))[name])

    async def _made(self, service: str, sql: str, *arguments: str) -> str:
        connection = await asyncpg.connect(self._stack.database_url(service))
        try:
            return str(await connection.fetchval(sql, *arguments))
        finally:
            await connection.close()


async def _pay(customer: Customer, providers: Providers) -> str:
    """A payment that can be refunded."""
    payment = await customer.initialize_payment("100.00")
    await providers.press(payment["checkout_url"], "pay")

    async def can_be_refunded() -> bool:
        try:
            await customer.initiate_refund("A test", payment_id=payment["payment_id"], amount="1.00")
        except httpx.HTTPStatusError:  # So far the refund service has not heard of it.
            return False
        return True

    await until(can_be_refunded)
    return str(payment["payment_id"])


@pytest.fixture(scope="module")
async def callers(stack: Stack) -> AsyncIterator[Callers]:
    async with (
        httpx.AsyncClient(base_url=stack.gateway_url, trust_env=False, timeout=15) as gateway,
        httpx.AsyncClient(trust_env=False, timeout=15) as outside,
    ):
        customer = Customer(gateway, f"user-{uuid4().hex[:12]}", stack.token)
        providers = Providers(
            outside, stack.payment_provider_url, stack.sms_provider_url, stack.provider_headers
        )
        await customer.open_account()
        await customer.add_credits("5000.00", "For all that follows")
        yield Callers(
            stack,
            customer,
            refunded_at_will=await _pay(customer, providers),
            refunded_in_parts=await _pay(customer, providers),
        )


@pytest.fixture(scope="session")
async def loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


@pytest.fixture
def statuses() -> Iterator[set[int]]:
    """Of all answers. Without a success among them the rest would say little."""
    answered: set[int] = set()
    yield answered
    assert answered & SUCCESSES


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # They gather over all examples.
@schemathesis.pytest.parametrize(
    **{
        service: schemathesis.openapi.from_path(DOCUMENTS / f"{service}.openapi.json", config=CONFIG)
        for service in SERVICES
    }
)
def test_all_that_is_answered_is_documented(
    case: schemathesis.Case[Any], callers: Callers, loop: asyncio.AbstractEventLoop, statuses: set[int]
) -> None:
    statuses |= loop.run_until_complete(callers.ask(case))
