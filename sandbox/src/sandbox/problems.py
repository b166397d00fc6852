"""Errors leave as problem+json (RFC 9457) with a stable ``code``; a person's page says the same in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from sandbox.faults import InvalidFaults

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

_CODES = {404: "not_found", 405: "method_not_allowed"}

ErrorPage = Callable[["Problem"], Response]


class Problem(Exception):
    """An answer that is an error: status, stable code, a detail for people, and further fields."""

    def __init__(self, status: int, code: str, detail: str, **fields: object) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail
        self.fields = fields

    def response(self) -> Response:
        body = {
            "type": "about:blank",
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.fields,
        }
        return Response(json.dumps(body), self.status, media_type="application/problem+json")


def not_found(what: str) -> Problem:
    return Problem(404, "not_found", f"There is no such {what}.")


def state_conflict(what: str, state: str) -> Problem:
    return Problem(409, "state_conflict", f"The {what} is {state}.", state=state)


def is_api(path: str) -> bool:
    return path.startswith("/v1/")


def install(app: FastAPI, page: ErrorPage) -> None:
    """Answer every error: the API's as problem+json, a page's as a page."""

    def answer(request: Request, problem: Problem) -> Response:
        return problem.response() if is_api(request.url.path) else page(problem)

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return answer(request, error)

    async def on_faults(request: Request, error: Exception) -> Response:
        return answer(request, invalid_faults(error))

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        # Inputs are not echoed: one may be an SMS.
        wrong = [{"field": ".".join(map(str, e["loc"])), "message": e["msg"]} for e in error.errors()]
        detail = "; ".join(f"{e['field']}: {e['message']}" for e in wrong)
        return answer(request, Problem(422, "invalid_request", detail, errors=wrong))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = _CODES.get(error.status_code, "http_error")
        return answer(request, Problem(error.status_code, code, str(error.detail)))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(InvalidFaults, on_faults)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)


def invalid_faults(error: Exception) -> Problem:
    return Problem(422, "invalid_faults", str(error))
