"""Errors leave as problem+json (RFC 9457) with a stable ``code`` and a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from shared.db.database import CONTENTION, UNREACHABLE
from shared.observability.logs import get_logger
from shared.observability.trace import current_trace

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

log = get_logger(__name__)

_TITLES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


class Problem(Exception):
    """An answer that is an error: status, stable code, a detail for people, and further fields."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.fields = fields

    def body(self) -> dict[str, object]:
        trace = current_trace()
        return {
            "type": "about:blank",
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **({"ref": trace.correlation_id} if trace else {}),
            **self.fields,  # A replayed rejection names the request that was rejected.
        }

    def response(self) -> Response:
        return Response(
            orjson.dumps(self.body()),
            self.status,
            headers=self.headers,
            media_type="application/problem+json",
        )


def not_found(what: str) -> Problem:
    """Also the answer to somebody else's id: whether it exists is not theirs to know."""
    return Problem(404, "not_found", f"There is no such {what}.")


def busy() -> Problem:
    """Nothing was done, or it is unknown whether it was: the same key makes the repetition safe."""
    return Problem(
        503,
        "temporarily_unavailable",
        "Nothing is lost: send the same request with the same Idempotency-Key again.",
        headers={"Retry-After": "1"},
    )


def install(app: FastAPI, known: Mapping[type[Exception], tuple[int, str]]) -> None:
    """Answer Problems, validation errors, ``known`` domain errors."""

    async def domain_error(_: Request, error: Exception) -> Response:
        status, code = known[type(error)]
        return Problem(status, code, str(error)).response()

    for kind in known:
        app.add_exception_handler(kind, domain_error)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    for kind in (*UNREACHABLE, asyncpg.QueryCanceledError):
        app.add_exception_handler(kind, _unavailable)
    for kind in CONTENTION:
        app.add_exception_handler(kind, _contended)


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # Neither inputs nor context are echoed: they may be secret.
    faults = [{"field": ".".join(map(str, e["loc"])), "message": e["msg"]} for e in error.errors()]
    return _invalid_request(faults)


def _invalid_request(faults: list[dict[str, str]]) -> Response:
    return Problem(422, "invalid_request", "See the fields in errors.", errors=faults).response()


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, Problem):  # FastAPI hides what went wrong while it read the body.
        return error.__cause__.response()
    if error.status_code == 400:  # FastAPI's own, for a body that is no text, or nested without end.
        fault = {"field": "body", "message": "The body cannot be read."}
        return _invalid_request([fault])
    code = _TITLES.get(error.status_code, "http_error")
    return Problem(error.status_code, code, str(error.detail), headers=error.headers).response()


async def _gone(_: Request, __: Exception) -> Response:
    """The caller hung up in the middle of the request: nobody hears this, and it is no fault of ours."""
    return Response(status_code=499)


async def _unavailable(_: Request, error: Exception) -> Response:
    log.error("http.database_unavailable", error=repr(error))
    return busy().response()


async def _contended(_: Request, error: Exception) -> Response:
    log.warning("http.contention", error=repr(error))
    return busy().response()


def unexpected(error: Exception) -> Problem:
    """A fault of ours: logged with all its detail, answered with none."""
    log.error("http.unexpected", exc_info=error)
    return Problem(500, "internal_error", "Tell support the ref.")
