"""Dead letters of all services, as an operator deals with them at the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from ledgerbell.gateway import OperatorSettings, answered, client
from shared.messaging.topology import SUBSCRIBED

SERVICES = ("notifier", *SUBSCRIBED)
PAGE = 100

Letter = dict[str, Any]


class Letters:
    """Raises GatewayRefused where a service refuses, httpx.HTTPError where the gateway cannot be reached."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def listed(self, service: str, state: str = "waiting") -> Iterator[Letter]:
        """Newest first. Waiting are those that are parked, and those whose last try ended the process."""
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
        found: Letter = answered(self._http.request(method, f"/v1/dead-letters/{path}", **request)).json()
        return found


@contextmanager
def open_letters(settings: OperatorSettings) -> Iterator[Letters]:
    with client(settings) as http:
        yield Letters(http)
