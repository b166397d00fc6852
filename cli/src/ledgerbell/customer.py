"""A customer, as their page acts for them: each action a call to the gateway, repeated until answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Literal
from uuid import uuid4

import httpx

Sign = Callable[[str, Sequence[str]], str]
View = dict[str, Any]
Thing = Literal["payments", "refunds", "verifications"]

OPERATOR = "demo-operator"
# Whether it was done is unknown, or it was not: the same key makes the repetition safe.
ASK_AGAIN = (409, 429, 502, 503, 504)


class Customer:
    """``patience_seconds``: how long an answer is waited for before the last error is raised.

    Raises httpx.HTTPStatusError when a call is refused, TimeoutError when no answer came in all that time.
    """

    def __init__(
        self, http: httpx.AsyncClient, user: str, sign: Sign, *, patience_seconds: float = 30
    ) -> None:
        """``http`` has the gateway's base URL."""
        self._http = http
        self._sign = sign
        self._patience_seconds = patience_seconds
        self.user = user

    # -------------------------------------------------------------- money on the account

    async def open_account(self, low_balance_threshold: str = "0.00") -> View:
        body = {"currency": "USD", "low_balance_threshold": low_balance_threshold}
        return await self.call("POST", "/v1/accounts", body)

    async def add_credits(self, amount: str, reason: str) -> View:
        """An operator's doing."""
        body = {"amount": amount, "currency": "USD", "source": "bonus", "reason": reason}
        return await self.call("POST", f"/v1/accounts/{self.user}/credits", body, operator=True)

    async def deduct_credits(self, amount: str, reason: str) -> View:
        body = {"amount": amount, "currency": "USD", "reason": reason}
        return await self.call("POST", "/v1/accounts/me/debits", body)

    # -------------------------------------------------------------- payments, verifications, refunds

    async def initialize_payment(self, amount: str) -> View:
        return await self.call("POST", "/v1/payments", {"amount": amount, "currency": "USD"})

    async def services(self) -> list[View]:
        """What can be verified, each with its price."""
        found: list[View] = (await self.call("GET", "/v1/verifications/services"))["items"]
        return found

    async def request_verification(self, service: str) -> View:
        return await self.call("POST", "/v1/verifications", {"service": service})

    async def initiate_refund(self, reason: str, **of: str) -> View:
        """``of``: verification_id, or payment_id and amount."""
        return await self.call("POST", "/v1/refunds", {"reason": reason, **of})

    async def process_refund(self, refund_id: str) -> View:
        """An operator's doing."""
        return await self.call("POST", f"/v1/refunds/{refund_id}/process", operator=True)

    async def cancel(self, thing: Thing, id_: str) -> View:
        return await self.call("POST", f"/v1/{thing}/{id_}/cancel")

    async def look(self, thing: Thing, id_: str) -> View:
        return await self.call("GET", f"/v1/{thing}/{id_}")

    # --------------------------------------------------------------

    async def call(
        self, method: str, path: str, body: dict[str, str] | None = None, *, operator: bool = False
    ) -> View:
        """The answer, however often it has to be asked for; always under the same key."""
        key = str(uuid4())
        async with asyncio.timeout(self._patience_seconds):
            while True:
                answer = await self._try(method, path, body, key, operator=operator)
                if answer is not None and not undecided(answer):
                    answer.raise_for_status()
                    view: View = answer.json()
                    return view
                await asyncio.sleep(0.1)

    async def _try(
        self, method: str, path: str, body: dict[str, str] | None, key: str, *, operator: bool
    ) -> httpx.Response | None:
        caller, roles = (OPERATOR, ("operator",)) if operator else (self.user, ("user",))
        headers = {"authorization": f"Bearer {self._sign(caller, roles)}", "idempotency-key": key}
        try:
            return await self._http.request(method, path, json=body, headers=headers)
        except httpx.HTTPError:
            return None


def undecided(answer: httpx.Response) -> bool:
    """Whether the same request may be answered otherwise a moment later."""
    if answer.status_code == 409:
        return bool(answer.json().get("code") == "idempotency_key_in_flight")
    return answer.status_code in ASK_AGAIN
