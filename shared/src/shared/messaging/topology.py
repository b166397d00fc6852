"""The broker's objects and users, derived from the event catalogue and applied in one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import quote

import httpx

from shared.events import CATALOGUE, Lane, exchange_of
from shared.events.notifier import EXCHANGE as NOTIFICATIONS

Definition: TypeAlias = dict[str, object]

DELIVERY_LIMIT = 20
# Each look at a message counts, and beyond the limit it is gone where there is no dead letter. RabbitMQ 3.10
# knows no "unlimited", and 4.x makes it 20 where nothing is said.
DEAD_DELIVERY_LIMIT = 1_000_000_000
MAX_LENGTH = 5_000_000
DEAD_LETTERS = "notifier.dlx"
PARKED = "notifier.parked"
DEAD = "notifier.dead"

# What each service's broker user may do: configure, write, read (regular expressions over names).
PERMISSIONS: dict[str, tuple[str, str, str]] = {
    "credit": ("^$", r"^credit\.events$", r"^credit\."),
    "notifier": ("^$", r"^notifications$", r"^notifier\."),
    # Its queue is exclusive and named by the server, so it must be allowed to make and bind it.
    "ws-gateway": (r"^amq\.gen.*$", r"^amq\.gen.*$", r"^(amq\.gen.*|notifications)$"),
}


class BrokerRefused(Exception):
    """The management interface did not accept a definition."""


def lane_queue(lane: Lane) -> str:
    return f"notifier.{lane}"


def definitions() -> Definition:
    """Exchanges, queues and bindings, in the broker's own format for one virtual host."""
    events = sorted({exchange_of(type_) for type_ in CATALOGUE})
    lanes = [lane_queue(lane) for lane in Lane]
    return {
        "exchanges": [
            *(_exchange(name, "topic") for name in [*events, NOTIFICATIONS]),
            _exchange(DEAD_LETTERS, "topic"),
        ],
        "queues": [
            *(_queue(name, dead_letter_key=PARKED) for name in lanes),
            _queue(PARKED, dead_letter_key=DEAD),
            _queue(DEAD, dead_letter_key=None, delivery_limit=DEAD_DELIVERY_LIMIT),
        ],
        "bindings": [
            *(
                _binding(exchange_of(type_), lane_queue(event.LANE), type_)
                for type_, event in CATALOGUE.items()
            ),
            _binding(DEAD_LETTERS, PARKED, PARKED),
            _binding(DEAD_LETTERS, DEAD, DEAD),
        ],
    }


def apply(management_url: str, vhost: str, passwords: Mapping[str, str], *, user_prefix: str = "") -> None:
    """Create the virtual host, its objects, and a user for each service in ``passwords``; safe to repeat.

    ``management_url`` carries an administrator's credentials.

    Raises:
        BrokerRefused: the broker answered, but not with a success.
        httpx.HTTPError: it could not be reached.
    """
    with httpx.Client(base_url=management_url, timeout=20) as http:
        _put(http, f"/api/vhosts/{quote(vhost, safe='')}", {})
        administrator = httpx.URL(management_url).username
        _permit(http, vhost, administrator, (".*", ".*", ".*"))
        _accepted(http.post(f"/api/definitions/{quote(vhost, safe='')}", json=definitions()))
        for service, password in passwords.items():
            user = f"{user_prefix}{service}"
            _put(http, f"/api/users/{quote(user, safe='')}", {"password": password, "tags": ""})
            _permit(http, vhost, user, PERMISSIONS[service])


def remove(management_url: str, vhost: str, *, user_prefix: str) -> None:
    """Delete a test run's virtual host and its users."""
    with httpx.Client(base_url=management_url, timeout=20) as http:
        http.delete(f"/api/vhosts/{quote(vhost, safe='')}")
        for service in PERMISSIONS:
            http.delete(f"/api/users/{quote(user_prefix + service, safe='')}")


def _permit(http: httpx.Client, vhost: str, user: str, rights: tuple[str, str, str]) -> None:
    body = dict(zip(("configure", "write", "read"), rights, strict=True))
    _put(http, f"/api/permissions/{quote(vhost, safe='')}/{quote(user, safe='')}", body)


def _put(http: httpx.Client, path: str, body: Mapping[str, object]) -> None:
    _accepted(http.put(path, json=body))


def _accepted(response: httpx.Response) -> None:
    if response.is_error:
        path = response.request.url.path
        raise BrokerRefused(f"{path}: {response.status_code} {response.text[:300]}")


def _exchange(name: str, kind: str) -> Definition:
    return {
        "name": name,
        "type": kind,
        "durable": True,
        "auto_delete": False,
        "internal": False,
        "arguments": {},
    }


def _queue(name: str, *, dead_letter_key: str | None, delivery_limit: int = DELIVERY_LIMIT) -> Definition:
    arguments: Definition = {
        "x-queue-type": "quorum",
        "x-delivery-limit": delivery_limit,
        "x-max-length": MAX_LENGTH,
        "x-overflow": "reject-publish",
    }
    if dead_letter_key is not None:
        arguments |= {
            "x-dead-letter-exchange": DEAD_LETTERS,
            "x-dead-letter-routing-key": dead_letter_key,
            "x-dead-letter-strategy": "at-least-once",
        }
    return {"name": name, "durable": True, "auto_delete": False, "arguments": arguments}


def _binding(source: str, queue: str, key: str) -> Definition:
    return {
        "source": source,
        "destination": queue,
        "destination_type": "queue",
        "routing_key": key,
        "arguments": {},
    }
