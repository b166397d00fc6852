"""Small real HTTP servers that speak Stripe's and Paystack's API, and the sandbox itself, driven alike."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import parse_qsl

import httpx

from payment.adapters.providers import Paystack, Provider, Sandbox, Stripe
from payment.adapters.providers.stripe import SHORTEST_SECONDS

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from payment.domain.payment import Payment, ProviderRefund

# What happens to the next call of a path: no answer after or before it acted, a 503, nonsense, a refusal.
Fault = Literal["timeout", "timeout_before", "error", "malformed", "refuse"]
Answer = tuple[int, dict[str, Any]]

# To a key that came with another body before.
OTHER_PARAMETERS: Answer = 400, {"error": {"type": "idempotency_error", "message": "Other parameters."}}

CALL_SECONDS = 1.0
RETURN_URL = "https://shop.test/back"


class Peer(Protocol):
    """A provider's other end, in a test's hands."""

    create: str
    refund_path: str

    @property
    def provider(self) -> Provider: ...

    async def pay(self, payment: Payment) -> None: ...
    async def fail_next(self, path: str, fault: Fault) -> None: ...
    async def made(self, reference: str) -> int: ...
    async def end_refund(self, refund: ProviderRefund, status: Literal["succeeded", "failed"]) -> None: ...


class Server:
    """Plain ASGI: a route is a method and a path's beginning; keys make a creation happen once."""

    def __init__(self) -> None:
        self.faults: dict[str, list[Fault]] = {}
        self.seen: list[dict[str, Any]] = []
        self.by_key: dict[str, tuple[bytes, Answer]] = {}
        self.counts: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        call = f"{scope['method']} {scope['path']}"
        query = dict(parse_qsl(scope["query_string"].decode()))
        self.seen.append({"call": call, "headers": headers, "query": query, "body": body})
        self.counts[call] += 1
        waiting = next((f for path, f in self.faults.items() if call.startswith(path) and f), [])
        fault = waiting.pop(0) if waiting else None
        if fault == "timeout_before":
            await asyncio.sleep(2 * CALL_SECONDS)
            return
        status, answer = (
            self._once(call, headers, query, body) if fault not in ("error", "refuse") else (0, {})
        )
        if fault == "timeout":
            await asyncio.sleep(2 * CALL_SECONDS)
            return
        if fault == "error":
            status, answer = 503, {}
        elif fault == "refuse":
            status, answer = self.refusal()
        content = b"<html>" if fault == "malformed" else json.dumps(answer).encode()
        kind = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": kind})
        await send({"type": "http.response.body", "body": content})

    def _once(self, call: str, headers: dict[str, str], query: dict[str, str], body: bytes) -> Answer:
        key = headers.get("idempotency-key")
        if key is not None and key in self.by_key:
            said, before = self.by_key[key]
            return before if said == body else OTHER_PARAMETERS
        answer = self.act(call, query, body)
        if key is not None and call.startswith("POST"):
            self.by_key[key] = body, answer
        return answer

    def act(self, call: str, query: dict[str, str], body: bytes) -> Answer:
        raise NotImplementedError

    def refusal(self) -> Answer:
        raise NotImplementedError


class StripeServer(Server):
    """Checkout Sessions and Refunds. Source: docs.stripe.com/api."""

    def __init__(self) -> None:
        super().__init__()
        self.sessions: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}

    def refusal(self) -> Answer:
        return 402, {"error": {"type": "card_error", "code": "card_declined", "message": "Refused for good."}}

    def act(self, call: str, query: dict[str, str], body: bytes) -> Answer:
        form = dict(parse_qsl(body.decode()))
        method, _, path = call.partition(" ")
        parts = path.removeprefix("/v1/").split("/")
        match (method, *parts):
            case ("POST", "checkout", "sessions"):
                return 200, self._session(form)
            case ("GET", "checkout", "sessions"):
                listed = sorted(self.sessions.values(), key=lambda one: -int(one["created"]))
                return 200, {"object": "list", "data": listed, "has_more": False, "url": path}
            case ("POST", "checkout", "sessions", id_, "expire"):
                session = self.sessions[id_]
                if session["status"] != "open":
                    return 400, {"error": {"type": "invalid_request_error", "message": "Not open."}}
                session["status"] = "expired"
                return 200, session
            case ("GET", "checkout", "sessions", id_):
                missing = {"type": "invalid_request_error", "code": "resource_missing", "message": "No such"}
                return (200, self.sessions[id_]) if id_ in self.sessions else (404, {"error": missing})
            case ("POST", "refunds"):
                return 200, self._refund(form)
            case ("GET", "refunds"):
                of = [
                    one for one in self.refunds.values() if one["payment_intent"] == query["payment_intent"]
                ]
                return 200, {"object": "list", "data": of, "has_more": False, "url": path}
        raise AssertionError(call)

    def _session(self, form: dict[str, str]) -> dict[str, Any]:
        id_ = f"cs_test_{len(self.sessions) + 1}"
        price = "line_items[0][price_data]"
        self.sessions[id_] = {
            "id": id_,
            "object": "checkout.session",
            "created": int(form["expires_at"]) - SHORTEST_SECONDS,
            "status": "open",
            "payment_status": "unpaid",
            "client_reference_id": form["client_reference_id"],
            "amount_total": int(form[f"{price}[unit_amount]"]),
            "currency": form[f"{price}[currency]"],
            "url": f"https://checkout.stripe.test/{id_}",
            "payment_intent": None,
            "success_url": form["success_url"],
        }
        return self.sessions[id_]

    def _refund(self, form: dict[str, str]) -> dict[str, Any]:
        id_ = f"re_{len(self.refunds) + 1}"
        self.refunds[id_] = {
            "id": id_,
            "object": "refund",
            "amount": int(form["amount"]),
            "currency": "usd",
            "status": "pending",
            "payment_intent": form["payment_intent"],
            "metadata": {"refund_id": form["metadata[refund_id]"]},
        }
        return self.refunds[id_]


class StripePeer:
    create = "POST /v1/checkout/sessions"
    refund_path = "POST /v1/refunds"

    def __init__(self, url: str, server: StripeServer, secrets: list[str]) -> None:
        self.server = server
        self.provider = Stripe("sk_test", secrets, seconds=CALL_SECONDS, return_url=RETURN_URL, url=url)

    async def pay(self, payment: Payment) -> None:
        session = self._session(payment.reference)
        intent = {"id": f"pi_{session['id']}", "object": "payment_intent", "status": "succeeded"}
        session |= {"status": "complete", "payment_status": "paid", "payment_intent": intent}

    async def fail_next(self, path: str, fault: Fault) -> None:
        self.server.faults.setdefault(path, []).append(fault)

    async def made(self, reference: str) -> int:
        return sum(one["client_reference_id"] == reference for one in self.server.sessions.values())

    async def end_refund(self, refund: ProviderRefund, status: str) -> None:
        for one in self.server.refunds.values():
            if one["metadata"]["refund_id"] == str(refund.id):
                one |= {"status": status, "failure_reason": "declined" if status == "failed" else None}

    def _session(self, reference: str) -> dict[str, Any]:
        return next(s for s in self.server.sessions.values() if s["client_reference_id"] == reference)


class PaystackServer(Server):
    """Transactions and refunds. Source: paystack.com/docs/api."""

    def __init__(self) -> None:
        super().__init__()
        self.transactions: dict[str, dict[str, Any]] = {}
        self.refunds: list[dict[str, Any]] = []

    def refusal(self) -> Answer:
        return 400, {"status": False, "message": "Refused for good.", "code": "invalid_params"}

    def act(self, call: str, query: dict[str, str], body: bytes) -> Answer:
        told = json.loads(body or b"{}")
        if call == "POST /transaction/initialize":
            return self._initialize(told)
        if call.startswith("GET /transaction/verify/"):
            known = self.transactions.get(call.rpartition("/")[2])
            missing = {"status": False, "message": "Transaction reference not found.", "code": NOT_FOUND}
            return (200, _good(known)) if known else (400, missing)
        if call == "POST /refund":
            return self._refund(told)
        assert call == "GET /refund"
        of = [one for one in self.refunds if str(one["transaction"]) == query["transaction"]]
        return 200, {"status": True, "message": "Refunds retrieved", "data": of}

    def _initialize(self, told: dict[str, Any]) -> Answer:
        reference = told["reference"]
        if reference in self.transactions:
            return 400, {"status": False, "message": "Duplicate Transaction Reference"}
        assert "@" in told["email"]
        self.transactions[reference] = {
            "id": 1000 + len(self.transactions),
            "status": "abandoned",
            "reference": reference,
            "amount": told["amount"],
            "currency": told["currency"],
            "gateway_response": "The transaction was not completed",
        }
        url = f"https://checkout.paystack.test/{reference}"
        return 200, _good({"authorization_url": url, "access_code": "a", "reference": reference})

    def _refund(self, told: dict[str, Any]) -> Answer:
        self.refunds.append(
            {
                "id": len(self.refunds) + 1,
                "transaction": self.transactions[told["transaction"]]["id"],
                "amount": told["amount"],
                "currency": told["currency"],
                "merchant_note": told["merchant_note"],
                "status": "pending",
            }
        )
        return 200, _good(self.refunds[-1])


NOT_FOUND = "transaction_not_found"


def _good(data: dict[str, Any] | None) -> dict[str, Any]:
    return {"status": True, "message": "ok", "data": data}


class PaystackPeer:
    create = "POST /transaction/initialize"
    refund_path = "POST /refund"

    def __init__(self, url: str, server: PaystackServer, keys: list[str]) -> None:
        self.server = server
        self.provider = Paystack(
            keys, email_domain="shop.test", seconds=CALL_SECONDS, return_url=RETURN_URL, url=url
        )

    async def pay(self, payment: Payment) -> None:
        self.server.transactions[payment.reference] |= {"status": "success", "gateway_response": "Approved"}

    async def fail_next(self, path: str, fault: Fault) -> None:
        self.server.faults.setdefault(path, []).append(fault)

    async def made(self, reference: str) -> int:
        return int(reference in self.server.transactions)

    async def end_refund(self, refund: ProviderRefund, status: str) -> None:
        for one in self.server.refunds:
            if one["merchant_note"] == str(refund.id):
                one["status"] = "processed" if status == "succeeded" else "failed"


class SandboxPeer:
    create = "POST /v1/checkouts"
    refund_path = "POST /v1/refunds"

    def __init__(self, url: str, api_key: str, secrets: list[str]) -> None:
        headers = {"authorization": f"Bearer {api_key}"}
        self.http = httpx.AsyncClient(base_url=url, headers=headers, trust_env=False)
        self.provider = Sandbox(url, api_key, secrets, seconds=CALL_SECONDS, return_url=RETURN_URL)

    async def pay(self, payment: Payment) -> None:
        await self.operate(f"/v1/checkouts/{await self._id(payment.reference)}/pay")

    async def fail_next(self, path: str, fault: Fault) -> None:
        # The sandbox has no nonsense to offer; a 5xx decides as little.
        named = {"refuse": "decline", "malformed": "error_after"}.get(fault, fault)
        await self.operate("/v1/faults/next", {"path_prefix": path, "faults": named, "times": 1})

    async def made(self, reference: str) -> int:
        return len(await self._items("checkouts", reference))

    async def end_refund(self, refund: ProviderRefund, status: str) -> None:
        (known,) = await self._items("refunds", str(refund.id))
        await self.operate(f"/v1/refunds/{known['id']}/{'succeed' if status == 'succeeded' else 'fail'}")

    async def operate(self, path: str, body: object = None) -> dict[str, Any]:
        answer = await self.http.post(path, json=body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def _id(self, reference: str) -> str:
        (known,) = await self._items("checkouts", reference)
        return str(known["id"])

    async def _items(self, kind: str, reference: str) -> list[dict[str, Any]]:
        answer = await self.http.get(f"/v1/{kind}", params={"reference": reference})
        items: list[dict[str, Any]] = answer.json()["items"]
        return items
