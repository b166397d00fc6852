"""Payments that are paid at the provider, waiting for nothing but its webhook, which is sent from here."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
from standardwebhooks.webhooks import Webhook

from bench.child import until
from ledgerbell.customer import Customer
from ledgerbell.stack import Stack

AMOUNT = "5.00"


@dataclass(frozen=True)
class Paid:
    """One payment, and what its provider would tell about it."""

    transfer_id: str
    checkout: dict[str, Any]


class TopUps:
    """The sandbox has been told to keep its own webhooks back, so that their moment is ours to choose."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    async def prepare(self, users: Sequence[str], count: int) -> list[Paid]:
        """``count`` payments of these users in turn, each paid at the provider."""
        async with (
            httpx.AsyncClient(base_url=self._stack.gateway_url, trust_env=False) as gateway,
            httpx.AsyncClient(
                base_url=self._stack.payment_provider_url,
                headers=self._stack.provider_headers,
                trust_env=False,
            ) as provider,
        ):
            customers = [Customer(gateway, user, self._stack.token) for user in users]
            return [await self._pay(customers[number % len(users)], provider) for number in range(count)]

    async def _pay(self, customer: Customer, provider: httpx.AsyncClient) -> Paid:
        payment = await customer.initialize_payment(AMOUNT)
        found = await provider.get("/v1/checkouts", params={"reference": payment["reference"]})
        id_ = found.raise_for_status().json()["items"][0]["id"]
        paid = await provider.post(f"/v1/checkouts/{id_}/pay", json={"faults": "drop"})
        return Paid(payment["transfer_id"], paid.raise_for_status().json())

    async def tell(self, payments: Sequence[Paid], rate: int) -> dict[str, int]:
        """Send each its webhook, `rate` a second; answers with the moment each was answered 2xx."""
        answered: dict[str, int] = {}
        url = f"{self._stack.service_url('payment')}/webhooks/sandbox"
        async with httpx.AsyncClient(trust_env=False) as http:
            start = time.monotonic_ns()
            for number, paid in enumerate(payments):
                await until(start + number * 1_000_000_000 // rate)
                body, headers = self._webhook(paid)
                (await http.post(url, content=body, headers=headers)).raise_for_status()
                answered[paid.transfer_id] = time.monotonic_ns()
        return answered

    def _webhook(self, paid: Paid) -> tuple[bytes, dict[str, str]]:
        id_, now = f"evt_{uuid.uuid4().hex}", datetime.now(UTC)
        event = {"type": "checkout.paid", "timestamp": now.isoformat(), "data": paid.checkout}
        body = orjson.dumps(event)
        signature = Webhook(self._stack.webhook_secret).sign(id_, now, body.decode())
        return body, {
            "content-type": "application/json",
            "webhook-id": id_,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }
