"""The one synchronous call between services: asks credit, and has credits set aside there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import UUID

import httpx

from shared.clients import http_client
from shared.http.auth import ServiceToken
from shared.money import Money
from shared.observability.trace import current_trace
from shared.providers.reading import MALFORMED

TIMEOUT_SECONDS = 5.0
STATE_CONFLICT = "state_conflict"
# Too early, too late, too many, or our own token is not taken, which is not the user's to mend.
UNDECIDED = frozenset({401, 403, 408, 425, 429})

AnswerT = TypeVar("AnswerT")


class CreditAway(Exception):
    """No answer, or none that decides: whether it was done is unknown. The same call may be made again."""


class CreditRefused(Exception):
    """Credit's definitive word; the same call will get the same one. ``code`` is the problem's."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Transfer:
    """A booked movement and what the account was after it, in minor units of its currency."""

    id: UUID
    user_id: str
    money: Money
    balance_after: int
    held_after: int
    version: int


def credit_client(base_url: str, *, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """What ``Credit`` calls credit with; whoever makes it closes it."""
    return http_client(base_url, TIMEOUT_SECONDS, transport=transport)


class Credit:
    """Every call may be repeated with the same arguments: it sets aside, or moves, once.

    All raise CreditAway, and CreditRefused where the ledger says no.
    """

    def __init__(self, http: httpx.AsyncClient, token: ServiceToken) -> None:
        self._http = http
        self._token = token

    async def place_hold(
        self,
        user_id: str,
        money: Money,
        *,
        key: str,
        reason: str,
        expires_in_seconds: int,
        service: str | None = None,
        reference: str | None = None,
        link: str | None = None,
    ) -> UUID:
        """Set credits aside; returns the hold's id. Refusals: ``insufficient_credits``, ``not_found``, …"""
        body = {
            "amount": money.amount,
            "currency": money.currency,
            "reason": reason,
            "expires_in_seconds": expires_in_seconds,
            "service": service,
            "reference": reference,
            "link": link,
        }
        return await self._call("POST", f"{_account_path(user_id)}/holds", _hold_id, key=key, body=body)

    async def post_hold(self, hold_id: UUID) -> Transfer:
        """Turn the hold into a deduction. Refused, ``state_conflict``, once it was voided or has expired."""
        return await self._call("POST", f"/v1/holds/{hold_id}/post", _transfer, key=f"post {hold_id}")

    async def void_hold(self, hold_id: UUID) -> None:
        """Give back what was set aside. Refused, ``state_conflict``, once it was posted or has expired."""
        await self._call("POST", f"/v1/holds/{hold_id}/void", _hold_id, key=f"void {hold_id}")

    async def end_hold(self, hold_id: UUID) -> Transfer | None:
        """Void it; what it was posted as, should it turn out that it was."""
        try:
            await self.void_hold(hold_id)
        except CreditRefused as refused:
            if refused.code != STATE_CONFLICT:
                raise
        else:
            return None
        try:
            return await self.post_hold(
                hold_id
            )  # Posted before, this is that transfer; expired, it is refused.
        except CreditRefused as refused:
            if refused.code != STATE_CONFLICT:
                raise
            return None

    async def transfer(self, transfer_id: UUID) -> Transfer | None:
        """A booked transfer, or None when it has moved nothing so far."""
        try:
            return await self._call("GET", f"/v1/transfers/{transfer_id}", _transfer)
        except CreditRefused as refused:
            if refused.status == 404:
                return None
            raise

    async def has_account(self, user_id: str, currency: str, *, seconds: float = TIMEOUT_SECONDS) -> bool:
        """Whether credits in this currency have an account to go to, asked for at most so many seconds."""

        def is_open(view: Any) -> bool:
            return any(one["currency"] == currency and not one["closed"] for one in view["accounts"])

        try:
            return await self._call("GET", _account_path(user_id), is_open, seconds=seconds)
        except CreditRefused as refused:
            if refused.status == 404:
                return False
            raise

    async def _call(
        self,
        method: str,
        path: str,
        read: Callable[[Any], AnswerT],
        *,
        key: str | None = None,
        body: dict[str, Any] | None = None,
        seconds: float = TIMEOUT_SECONDS,
    ) -> AnswerT:
        headers = {"authorization": f"Bearer {self._token()}"}
        if key is not None:
            headers["idempotency-key"] = key
        if trace := current_trace():
            headers |= {"traceparent": trace.traceparent, "x-correlation-id": trace.correlation_id}
        try:
            async with asyncio.timeout(seconds):
                answer = await self._http.request(method, path, json=body, headers=headers)
        except (httpx.HTTPError, TimeoutError) as error:
            raise CreditAway(f"{method} {path}: {type(error).__name__}") from None
        if answer.status_code >= 500 or answer.status_code in UNDECIDED:
            raise CreditAway(f"{method} {path}: {answer.status_code}")
        try:
            if answer.is_success:
                return read(answer.json())
            problem = answer.json()
            code, detail = str(problem["code"]), str(problem["detail"])
        except MALFORMED:  # Something between us and credit has answered.
            raise CreditAway(f"{method} {path}: {answer.status_code}, not readable") from None
        if code == "idempotency_key_in_flight":
            raise CreditAway(f"{method} {path}: in flight")
        raise CreditRefused(answer.status_code, code, detail)


def _account_path(user_id: str) -> str:
    # A user is who their token says, whatever characters that has: it must not become another path.
    return f"/v1/accounts/{quote(user_id, safe='')}"


def _hold_id(view: Any) -> UUID:
    return UUID(view["hold_id"])


def _transfer(view: Any) -> Transfer:
    def money(field: str) -> Money:
        return Money.parse(view[field], view["currency"])

    return Transfer(
        id=UUID(view["transfer_id"]),
        user_id=str(view["user_id"]),
        money=money("amount"),
        balance_after=money("balance_after").minor,
        held_after=money("held_after").minor,
        version=int(view["version"]),
    )
