"""HTTP calls to a provider: bounded in time, never redirected, and answered by the provider itself or not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx

from shared.clients import http_client
from shared.providers.errors import ProviderAway


class Calls:
    """One provider's API. ``seconds`` bounds a whole call, not only its pauses."""

    def __init__(self, base_url: str, token: str, seconds: float) -> None:
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        self._http = http_client(base_url, seconds, headers=headers)
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
    ) -> httpx.Response:
        """A success or a refusal; ``key`` is the call's Idempotency-Key. Raises ProviderAway for all else."""
        headers = {"idempotency-key": key} if key else None
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._http.request(method, path, json=body, params=params, headers=headers)
        except (httpx.HTTPError, TimeoutError) as error:
            # The name alone: a message may quote what was sent.
            raise ProviderAway(f"{method} {path}: {type(error).__name__}") from None
        if not (answer.is_success or answer.is_client_error):
            raise ProviderAway(f"{method} {path}: {answer.status_code}")
        return answer
