"""Debits over HTTP at a steady rate, as a frontend's user would cause them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from bench.child import until
from bench.kept_alive import KeptAlive

PATH = "/v1/accounts/me/debits"
BODY = orjson.dumps({"amount": "0.01", "currency": "USD", "reason": "SMS verification"})


@dataclass(frozen=True)
class Answered:
    """One accepted debit: how long its caller waited, and when the answer was there."""

    transfer_id: str
    took_ms: float
    answered_ns: int


class Caller:
    """Calls the credit service itself; an answer that is not 2xx ends the benchmark."""

    def __init__(self, address: tuple[str, int], tokens: Sequence[str]) -> None:
        self._address = address
        self._tokens = tokens
        self.accepted = 0

    async def debit(self, rate: int, count: int) -> list[Answered]:
        answers = []
        async with KeptAlive(*self._address) as http:
            start = time.monotonic_ns()
            for number in range(count):
                due = start + number * 1_000_000_000 // rate
                # One that waits behind a slow one has waited since it was due.
                began = due if time.monotonic_ns() > due else await until(due)
                answers.append(await self._debit(http, self._tokens[number % len(self._tokens)], began))
                self.accepted += 1
        return answers

    async def _debit(self, http: KeptAlive, token: str, began_ns: int) -> Answered:
        key = str(uuid.uuid4())
        answer = await http.post(PATH, token, BODY, Idempotency_Key=key)
        answered_ns = time.monotonic_ns()
        transfer_id = orjson.loads(answer)["transfer_id"]
        return Answered(transfer_id, (answered_ns - began_ns) / 1e6, answered_ns)
