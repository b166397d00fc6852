"""Calls that are answered in JSON, and undecided unless the answer is plain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from shared.providers.calls import Calls
from shared.providers.errors import ProviderAway

# Our own fault or a passing one: none of these is the provider's word on the payment.
_UNDECIDED = frozenset({401, 403, 407, 408, 425, 429})


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict[str, Any]

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


class JsonCalls:
    def __init__(self, base_url: str, token: str, seconds: float) -> None:
        self._call = Calls(base_url, token, seconds)

    async def close(self) -> None:
        await self._call.close()

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
        answer = await self._call(method, path, body=body, params=params, key=key)
        status = answer.status_code
        if status in _UNDECIDED:
            raise ProviderAway(f"{method} {path}: {status}")
        try:
            read = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            raise ProviderAway(f"{method} {path}: {status}, not JSON") from None
        if not isinstance(read, dict):
            raise ProviderAway(f"{method} {path}: {status}, not an object")
        return Answer(status, read)
