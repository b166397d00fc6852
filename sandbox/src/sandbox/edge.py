"""What every request passes: the API key, the faults of its answer, security headers, one log line."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders

from sandbox.faults import FaultPlan, Faults, InvalidFaults
from sandbox.logs import tell, tell_failure
from sandbox.problems import Problem, invalid_faults, is_api
from sandbox.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


def policy(form_targets: str) -> str:
    """A page's content security policy; forms may be sent, and sent on, to ``form_targets`` only."""
    return f"default-src 'self'; base-uri 'none'; form-action {form_targets}; frame-ancestors 'none'"


SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "content-security-policy": policy("'self'"),
}

# Whoever plays the provider is not hit by chance, and does not use up what waits for the merchant's call.
_OPERATOR = re.compile(
    r"^/v1/(faults|webhooks|reset)(/|$)|^/v1/services/|/(pay|decline|succeed|fail|sms|timeout|ban)$"
)


class Edge:
    """Plain ASGI: it has to keep an answer back, and to know when the caller has gone."""

    def __init__(self, app: ASGIApp, *, settings: Settings, plan: FaultPlan, closing: asyncio.Event) -> None:
        self._app = app
        self._bearer = f"Bearer {settings.api_key}".encode()
        self._hold_seconds = settings.answer_hold_seconds
        self._plan = plan
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0
        begun = time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._admitted(scope, receive, sending)
        except Problem as problem:
            await problem.response()(scope, receive, sending)
        except Exception as error:  # noqa: BLE001  # Nothing beyond this would know how to answer.
            tell_failure("request.failed", error, path=scope["path"])
            if not status:
                fault = Problem(500, "internal_error", "The sandbox itself is at fault; see its log.")
                await fault.response()(scope, receive, sending)
        finally:
            if not scope["path"].endswith("z"):
                elapsed = round((time.perf_counter() - begun) * 1000, 1)
                # Status 0: the caller went away before it got an answer.
                tell("request", method=scope["method"], path=scope["path"], status=status, ms=elapsed)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if not is_api(scope["path"]):
            _refuse_other_sites(scope["method"], headers)
            await self._app(scope, receive, send)
            return
        if not secrets.compare_digest(headers.get("authorization", "").encode(), self._bearer):
            raise Problem(401, "unauthorized", "Send the API key as Authorization: Bearer.")
        faults = self._faults_of(scope["method"], scope["path"], headers)
        scope.setdefault("state", {})["faults"] = faults
        await self._answer(faults, scope, receive, send)

    def _faults_of(self, method: str, path: str, headers: Headers) -> Faults:
        try:
            asked = self._plan.parse(headers.get("sandbox-faults", ""))
        except InvalidFaults as error:
            raise invalid_faults(error) from error
        if _OPERATOR.search(path):
            return asked
        return self._plan.draw("answer", "creation") | self._plan.take(method, path) | asked

    async def _answer(self, faults: Faults, scope: Scope, receive: Receive, send: Send) -> None:
        if "timeout_before" in faults:
            await self._hold(receive)
            return
        if "error" in faults:
            await asyncio.sleep(faults.number("delay") / 1000)
            raise _played(faults.number("error"), "Nothing was done.")
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, keep)
        await asyncio.sleep(faults.number("delay") / 1000)
        if "timeout" in faults:
            await self._hold(receive)
            return
        if "error_after" in faults:
            raise _played(faults.number("error_after"), "It was done nevertheless.")
        for message in answer:
            await send(message)

    async def _hold(self, receive: Receive) -> None:
        """Keep the caller waiting until it goes away. Raises Problem when it outlasts us."""
        gone = asyncio.ensure_future(_gone(receive))
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait(
                (gone, closing), timeout=self._hold_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if not gone.done():
                raise Problem(504, "sandbox_timeout", "A time-out was asked for, and has been played.")
        finally:
            gone.cancel()
            closing.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _played(status: int, what: str) -> Problem:
    return Problem(status, "sandbox_error", f"An error was asked for, and has been played. {what}")


def _refuse_other_sites(method: str, headers: Headers) -> None:
    """The pages know no login, so another site open in the same browser must not press their buttons."""
    if method in ("GET", "HEAD"):
        return
    origin = headers.get("origin")
    same = origin is None or urlsplit(origin).netloc == headers.get("host")
    if not same or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "cross_site", "Forms are taken from this sandbox's own pages only.")
