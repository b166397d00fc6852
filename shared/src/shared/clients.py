"""The HTTP client with which our services ask one another and providers."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

CONNECT_SECONDS = 2.0
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=50)


def http_client(
    base_url: str,
    seconds: float,
    *,
    headers: Mapping[str, str] | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """Never redirected, with nothing from the environment. ``seconds`` bounds each pause of a call, of
    which connecting has two at most.

    A call that was not answered raises httpx.HTTPError, and one that never was sent httpx.ConnectError,
    ConnectTimeout or PoolTimeout. Whoever makes the client closes it.
    """
    return httpx.AsyncClient(
        base_url=base_url,
        headers=headers,
        timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
        trust_env=False,
        follow_redirects=False,
        transport=transport or _Transport(trust_env=False, limits=LIMITS),
    )


class _Transport(httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except AttributeError as error:
            if error.obj is not None or error.name != "getpeername":
                raise
            # Anyio asks a new connection's socket who its peer is; uvloop has no socket any more for one that
            # was reset as it was made. Of the request, nothing has left yet.
            raise httpx.ConnectError("reset as it was made", request=request) from error
