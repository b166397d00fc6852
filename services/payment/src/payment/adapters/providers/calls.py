"""HTTP calls to a provider: bounded in time, never redirected, and undecided unless the answer is plain."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from payment.domain.provider import ProviderAway

CONNECT_SECONDS = 2.0
# Our own fault or a passing one: none of these is the provider's word on the payment.
_UNDECIDED = frozenset({401, 403, 407, 408, 425, 429})


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict[str, Any]

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


def client(base_url: str, seconds: float, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=base_url,
        headers=headers,
        timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
        trust_env=False,
        follow_redirects=False,
    )


class Calls:
    """One provider's API. ``seconds`` bounds a whole call, not only its pauses."""

    def __init__(self, base_url: str, headers: Mapping[str, str], seconds: float) -> None:
        self._http = client(base_url, seconds, headers)
        self._seconds = seconds

    async def close(self) -> None:
        await self._http.aclose()

    async def __call__(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        params: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> Answer:
        """The answer, good or a refusal. Raises ProviderAway for everything that is neither."""
        headers = {"idempotency-key": key} if key else None
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._http.request(method, path, json=body, params=params, headers=headers)
        except (httpx.HTTPError, TimeoutError) as error:
            raise ProviderAway(f"{method} {path}: {type(error).__name__}") from None
        status = answer.status_code
        if status >= 500 or status < 200 or 300 <= status < 400 or status in _UNDECIDED:
            raise ProviderAway(f"{method} {path}: {status}")
        try:
            read = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            raise ProviderAway(f"{method} {path}: {status}, not JSON") from None
        if not isinstance(read, dict):
            raise ProviderAway(f"{method} {path}: {status}, not an object")
        return Answer(status, read)
