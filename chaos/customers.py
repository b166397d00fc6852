"""Customers who write down what they ask for and what they are told, and who act as people do."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import httpx

from chaos.history import History, Value
from ledgerbell.customer import OPERATOR, Customer, Sign, View, undecided

ASKED_TWICE = 0.1  # Once more under the same key, though it was answered.
IMPATIENT = 0.15  # Does not ask again where no answer came.
PATIENCE_SECONDS = 30.0
# What a request makes, by its name.
MADE = {
    "debit": "transfer_id",
    "credit": "transfer_id",
    "pay": "payment_id",
    "verify": "verification_id",
    "refund": "refund_id",
}
# What a request is called, by the end of its path.
NAMES = {
    "accounts": "open",
    "credits": "credit",
    "debits": "debit",
    "payments": "pay",
    "verifications": "verify",
    "refunds": "refund",
    "cancel": "cancel",
    "process": "process",
    "read": "mark read",
}


class Abandoned(Exception):
    """No answer came, and the customer has gone: whether it was done, nobody knows."""


class WitnessCustomer(Customer):
    """``doors`` are HTTP clients by what they call: the gateway, or a service itself.

    Raises httpx.HTTPStatusError when a call is refused, Abandoned when it was given up.
    """

    def __init__(
        self,
        history: History,
        doors: Mapping[str, httpx.AsyncClient],
        user: str,
        sign: Sign,
        dice: random.Random,
    ) -> None:
        super().__init__(doors["ws-gateway"], user, sign, patience_seconds=PATIENCE_SECONDS)
        self._history = history
        self._doors = doors
        self._dice = dice

    @property
    def canary(self) -> str:
        """What only its owner may ever see again."""
        return f"canary-{self.user}"

    async def notifications(self) -> View:
        """The newest."""
        return await self.call("GET", "/v1/notifications?limit=20")

    async def mark_read(self, shown: View, *, up_to: bool) -> None:
        """It alone, or all up to it."""
        if up_to:
            await self.call("POST", "/v1/notifications/read", {"up_to_seq": shown["seq"]})
        else:
            await self.call("POST", f"/v1/notifications/{shown['id']}/read")

    async def call(
        self, method: str, path: str, body: Mapping[str, str | int] | None = None, *, operator: bool = False
    ) -> View:
        if method == "GET":
            return await self._look(path)
        via = self._dice.choice(["credit", "ws-gateway"]) if "/accounts" in path else "ws-gateway"
        key = str(UUID(int=self._dice.getrandbits(128), version=4))
        impatient = self._dice.random() < IMPATIENT
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = await self._ask(via, method, path, body, key, operator=operator)
            if answer is not None and not _unknown(answer):
                break
            if impatient or time.monotonic() > deadline:
                raise Abandoned(f"{method} {path}")
            await asyncio.sleep(self._dice.uniform(0.05, 1.0))
        if self._dice.random() < ASKED_TWICE:
            await self._ask(via, method, path, body, key, operator=operator)
        answer.raise_for_status()
        view: View = answer.json()
        return view

    async def _look(self, path: str) -> View:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = await self._doors["ws-gateway"].get(path, headers=self._headers(operator=False))
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code < 500 and answer.status_code != 401:
                view: View = answer.raise_for_status().json()
                return view
            if time.monotonic() > deadline:
                raise Abandoned(f"GET {path}")
            await asyncio.sleep(0.5)

    async def _ask(
        self,
        via: str,
        method: str,
        path: str,
        body: Mapping[str, str | int] | None,
        key: str,
        *,
        operator: bool,
    ) -> httpx.Response | None:
        f = NAMES[path.rpartition("/")[2]]
        asked: Value = {"user": self.user, "via": via} | {
            name: value for name, value in (body or {}).items() if name != "reason"
        }
        self._history.add(self.user, f, "invoke", key, asked)
        began = time.monotonic()
        headers = self._headers(operator=operator) | {"idempotency-key": key}
        try:
            answer = await self._doors[via].request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            told = {**asked, "seconds": time.monotonic() - began, "error": type(error).__name__}
            self._history.add(self.user, f, "info", key, told)
            return None
        told = {**asked, "seconds": time.monotonic() - began, "status": answer.status_code}
        if answer.is_success:
            told["body"] = answer.json()
            if made := MADE.get(f):
                told[made] = told["body"][made]
            self._history.add(self.user, f, "ok", key, told)
        elif _unknown(answer):
            self._history.add(self.user, f, "info", key, {**told, "error": _code(answer)})
        else:
            self._history.add(self.user, f, "fail", key, {**told, "code": _code(answer)})
        return answer

    def _headers(self, *, operator: bool) -> dict[str, str]:
        caller, roles = (OPERATOR, ("operator",)) if operator else (self.user, ("user",))
        return {"authorization": f"Bearer {self._sign(caller, roles)}"}


def _unknown(answer: httpx.Response) -> bool:
    return answer.status_code >= 500 or undecided(answer)


def _code(answer: httpx.Response) -> Any:
    try:
        return answer.json().get("code", answer.status_code)
    except ValueError:
        return answer.status_code
