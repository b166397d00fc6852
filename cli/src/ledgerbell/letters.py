"""Dead letters of all services, as an operator deals with them at the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from pydantic import Field
from pydantic_settings import BaseSettings

from shared.messaging.topology import SUBSCRIBED
from shared.settings import ServiceSettings

SERVICES = ("notifier", *SUBSCRIBED)
PAGE = 100

Letter = dict[str, Any]


class LettersRefused(Exception):
    """The gateway, or a service behind it, said no; the message says why and what to do."""


class OperatorSettings(BaseSettings):
    """Where the gateway is, and a token with the role ``operator``."""

    model_config = ServiceSettings.model_config

    gateway_url: str = "http://127.0.0.1:8080"
    operator_token: str = Field(repr=False)


class Letters:
    """Raises LettersRefused where a service refuses, httpx.HTTPError where the gateway cannot be reached."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def listed(self, service: str, state: str = "parked") -> Iterator[Letter]:
        """Newest first."""
        before: str | None = None
        while True:
            query = {"limit": str(PAGE), "state": state, "before": before}
            page = self._ask("GET", service, params={name: value for name, value in query.items() if value})
            yield from page["items"]
            before = page["next"]
            if before is None:
                return

    def dead(self, service: str) -> int:
        """How many lie in the broker's dead queue."""
        found: int = self._ask("GET", service, params={"limit": "1"})["dead"]
        return found

    def one(self, service: str, id_: str) -> Letter:
        return self._ask("GET", f"{service}/{id_}")

    def replay(self, service: str, id_: str) -> Letter:
        return self._ask("POST", f"{service}/{id_}/replay")

    def discard(self, service: str, id_: str, reason: str) -> Letter:
        return self._ask("POST", f"{service}/{id_}/discard", json={"reason": reason})

    def collect(self, service: str) -> int:
        """Take all that died on the broker to where it can be seen."""
        taken = 0
        while collected := int(self._ask("POST", f"{service}/collect")["collected"]):
            taken += collected
        return taken

    def _ask(self, method: str, path: str, **request: Any) -> Letter:
        answer = self._http.request(method, f"/v1/dead-letters/{path}", **request)
        if answer.is_error:
            raise LettersRefused(why(answer))
        found: Letter = answer.json()
        return found


@contextmanager
def open_letters(settings: OperatorSettings) -> Iterator[Letters]:
    headers = {"authorization": f"Bearer {settings.operator_token}"}
    with httpx.Client(base_url=settings.gateway_url, headers=headers, trust_env=False, timeout=30) as http:
        yield Letters(http)


def why(answer: httpx.Response) -> str:
    """What a refusal says to people."""
    try:
        problem = answer.json()
        return f"{problem['detail']} ({problem['code']}, ref {problem['ref']})"
    except (ValueError, KeyError):
        return f"the gateway answered {answer.status_code}"
