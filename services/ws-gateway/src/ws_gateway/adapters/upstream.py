"""Passes the frontend's HTTP calls on to the services behind the gateway."""

from __future__ import annotations

import httpx
from fastapi import Request, Response

from shared.clients import CONNECT_SECONDS
from shared.http.problems import Problem
from shared.observability.logs import get_logger
from shared.observability.trace import current_trace

log = get_logger(__name__)

# What may pass, each way. Anything else a client sends about itself is its own word, and stays outside.
REQUEST_HEADERS = ("authorization", "content-type", "accept", "idempotency-key", "if-none-match")
RESPONSE_HEADERS = (
    "content-type",
    "etag",
    "link",
    "location",
    "retry-after",
    "www-authenticate",
    "x-poll-interval",
)
CALL_SECONDS = 10.0
# For a stream that is made anew, at 0.5 s a 10,000 notifications. Everything else has the client's own time.
REBUILD = httpx.Timeout(CALL_SECONDS, connect=CONNECT_SECONDS, read=120)


class Upstreams:
    """Services by the first part of the path behind ``/v1``, or by the first two."""

    def __init__(self, http: httpx.AsyncClient, services: dict[str, str]) -> None:
        self._http = http
        self._services = services

    async def forward(self, request: Request) -> Response:
        """The service's answer.

        Raises:
            Problem: 404 no service has this path; 502 it is away and got nothing; 504 it may have acted.
        """
        path = request.scope["raw_path"].decode("ascii")
        first, *rest = path.split("/")[2:]
        base = self._services.get(first) or self._services.get("/".join((first, *rest[:1])))
        if base is None or ".." in path:
            raise Problem(404, "not_found", "No service answers this path.")
        headers = {name: value for name in REQUEST_HEADERS if (value := request.headers.get(name))}
        if trace := current_trace():
            headers |= {"traceparent": trace.traceparent, "x-correlation-id": trace.correlation_id}
        query = request.scope["query_string"].decode("ascii")
        try:
            answer = await self._http.request(
                request.method,
                f"{base}{path}{'?' if query else ''}{query}",
                content=await request.body(),
                headers=headers,
                timeout=REBUILD if (first, *rest[1:]) == ("streams", "rebuild") else httpx.USE_CLIENT_DEFAULT,
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            log.error("upstream.away", service=base, error=repr(error))
            raise Problem(
                502, "service_away", "Nothing was done; try again in a moment.", headers={"Retry-After": "1"}
            ) from None
        except httpx.HTTPError as error:
            log.error("upstream.unanswered", service=base, error=repr(error))
            then = "look before you send it again."
            if "idempotency-key" in headers:
                then = "send the same request with the same Idempotency-Key again."
            raise Problem(
                504, "outcome_unknown", f"It may have been done: {then}", headers={"Retry-After": "1"}
            ) from None
        passed = {name: value for name in RESPONSE_HEADERS if (value := answer.headers.get(name))}
        return Response(answer.content, answer.status_code, headers=passed)
