"""The broker's objects and users, derived from the event catalogue and applied in one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import quote

import httpx

from shared.events import CATALOGUE, Event, Lane, exchange_of
from shared.events.activity import ActivityDisputed
from shared.events.coverage import EXCHANGE as COVERAGE
from shared.events.coverage import OWNERS, STATED
from shared.events.credit import CreditAdded, CreditDeducted, CreditRejected
from shared.events.notifier import EXCHANGE as NOTIFICATIONS
from shared.events.payment import (
    PaymentCompleted,
    PaymentFailed,
    PaymentRefunded,
    PaymentRefundFailed,
    PaymentSucceeded,
)
from shared.events.receipts import EXCHANGE as RECEIPTS
from shared.events.receipts import GATHERED
from shared.events.refund import RefundFailed, RefundInitiated, RefundProcessing
from shared.events.verification import (
    VerificationCancelled,
    VerificationCodeReceived,
    VerificationNumberAssigned,
    VerificationTimedOut,
)
from shared.observability.vitals import EXCHANGE as VITALS

Definition: TypeAlias = dict[str, object]

DELIVERY_LIMIT = 20
# Each look at a message counts, and beyond the limit it is gone where there is no dead letter. RabbitMQ 3.10
# knows no "unlimited", and 4.x makes it 20 where nothing is said.
DEAD_DELIVERY_LIMIT = 1_000_000_000
MAX_LENGTH = 5_000_000
# A full queue refuses, and publishers wait. Who only watches must hold up nobody, and loses the oldest.
WATCHING = frozenset({"monitor"})

# What each service listens to, besides the notifier, which hears everything.
SUBSCRIBED: dict[str, tuple[type[Event], ...]] = {
    "credit": (PaymentSucceeded, RefundProcessing, RefundFailed, ActivityDisputed),
    "payment": (CreditAdded, CreditRejected, RefundProcessing),
    "refund": (
        CreditAdded,
        CreditRejected,
        PaymentCompleted,
        PaymentRefunded,
        PaymentRefundFailed,
        VerificationNumberAssigned,
        VerificationCodeReceived,
        VerificationTimedOut,
        VerificationCancelled,
    ),
    # Whatever a rule can look at; the rest would only be counted as handled.
    "monitor": (
        CreditDeducted,
        RefundInitiated,
        PaymentFailed,
        PaymentCompleted,
        VerificationNumberAssigned,
        VerificationCodeReceived,
        VerificationTimedOut,
        VerificationCancelled,
    ),
}

# Who consumes, and may so have what it could not handle: parked, or dead.
CONSUMERS = ("notifier", *SUBSCRIBED)

# What each service's broker user may do: configure, write, read (regular expressions over names).
PERMISSIONS: dict[str, tuple[str, str, str]] = {
    "credit": ("^$", r"^(credit\.events|letter\.events|vitals)$", r"^credit\."),
    "payment": ("^$", r"^(payment\.events|letter\.events|vitals)$", r"^payment\."),
    "refund": ("^$", r"^(refund\.events|letter\.events|vitals)$", r"^refund\."),
    "verification": ("^$", r"^(verification\.events|vitals)$", "^$"),
    "monitor": ("^$", r"^(activity\.events|letter\.events|vitals)$", r"^monitor\."),
    "notifier": ("^$", r"^(notifications|coverage|vitals)$", r"^notifier\."),
    # Its queue is exclusive and named by the server, so it must be allowed to make and bind it.
    "ws-gateway": (
        r"^amq\.gen.*$",
        r"^(amq\.gen.*|receipts|vitals)$",
        r"^(amq\.gen.*|notifications|vitals)$",
    ),
}
SERVICES = tuple(PERMISSIONS)


class BrokerRefused(Exception):
    """The management interface did not accept a definition."""


def lane_queue(lane: Lane) -> str:
    return f"notifier.{lane}"


def events_queue(service: str) -> str:
    """What a service of ``SUBSCRIBED`` consumes. (An exchange is named so too; the two do not meet.)"""
    return f"{service}.events"


def parked_queue(service: str) -> str:
    """What its queues gave up on; the service tries it once more, one by one."""
    return f"{service}.parked"


def dead_queue(service: str) -> str:
    """What the parked queue gave up on; nobody consumes it."""
    return f"{service}.dead"


def recap_queue(service: str) -> str:
    """Where it is told once more what it should have heard."""
    return f"{service}.recap"


def receipts_queue() -> str:
    """Where the notifier is told what the gateways pushed, and what tabs have acknowledged."""
    return "notifier.receipts"


def statements_queue() -> str:
    """Where the notifier is told all transfers that the ledger has booked."""
    return "notifier.coverage"


def coverage_queue(service: str) -> str:
    """Where a service is asked for events that were never stored."""
    return f"{service}.coverage"


def recap_key(publisher: str) -> str:
    return f"{publisher}.recap"


def events_exchange(publisher: str) -> str:
    """Of what a service says of its own."""
    return f"{publisher}.events"


def service_queues(service: str) -> tuple[str, ...]:
    """Everything a service of ``SUBSCRIBED`` needs to be there."""
    return (events_queue(service), recap_queue(service), parked_queue(service), dead_queue(service))


def definitions() -> Definition:
    """Exchanges, queues and bindings, in the broker's own format for one virtual host."""
    events = sorted({exchange_of(type_) for type_ in CATALOGUE})
    bound = [(lane_queue(event.LANE), type_) for type_, event in CATALOGUE.items()]
    bound += [(events_queue(service), event.TYPE) for service, heard in SUBSCRIBED.items() for event in heard]
    return {
        "exchanges": [
            *(_exchange(name, "topic") for name in [*events, NOTIFICATIONS, RECEIPTS, COVERAGE, VITALS]),
            *(_exchange(_dead_letters(service), "topic") for service in CONSUMERS),
        ],
        "queues": [
            *(_working_queue("notifier", lane_queue(lane)) for lane in Lane),
            _working_queue("notifier", receipts_queue()),
            # What is lost of these is missed by its reader, and asked for again.
            *(_queue(name, {}) for name in [statements_queue(), *map(coverage_queue, OWNERS)]),
            *(_working_queue(service, events_queue(service)) for service in SUBSCRIBED),
            *(_working_queue(service, recap_queue(service)) for service in CONSUMERS),
            *(queue for service in CONSUMERS for queue in _dead_letter_queues(service)),
        ],
        "bindings": [
            *(_binding(exchange_of(type_), queue, type_) for queue, type_ in bound),
            _binding(RECEIPTS, receipts_queue(), GATHERED),
            _binding(exchange_of(CreditAdded.TYPE), statements_queue(), STATED),
            *(_binding(COVERAGE, coverage_queue(owner), owner) for owner in OWNERS),
            *(
                _binding(exchange, recap_queue(service), recap_key(exchange.partition(".")[0]))
                for service in CONSUMERS
                for exchange in _heard(service)
            ),
            *(
                _binding(_dead_letters(service), queue, queue)
                for service in CONSUMERS
                for queue in (parked_queue(service), dead_queue(service))
            ),
        ],
    }


def apply(management_url: str, vhost: str, passwords: Mapping[str, str], *, user_prefix: str = "") -> None:
    """Create the virtual host, its objects, and a user for each service in ``passwords``; safe to repeat.

    ``management_url`` carries an administrator's credentials.

    Raises:
        BrokerRefused: the broker answered, but not with a success.
        httpx.HTTPError: it could not be reached.
    """
    with httpx.Client(base_url=management_url, timeout=20, trust_env=False) as http:
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
    with httpx.Client(base_url=management_url, timeout=20, trust_env=False) as http:
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


def _heard(service: str) -> list[str]:
    """The exchanges of those it listens to: the notifier to everybody."""
    heard = CATALOGUE if service == "notifier" else [event.TYPE for event in SUBSCRIBED[service]]
    return sorted({exchange_of(type_) for type_ in heard})


def _dead_letters(service: str) -> str:
    return f"{service}.dlx"


def _working_queue(service: str, name: str) -> Definition:
    arguments = _dead_lettered(service, parked_queue(service))
    if service in WATCHING:  # Dead letters at least once are only had from a queue that refuses.
        arguments |= {"x-overflow": "drop-head", "x-dead-letter-strategy": "at-most-once"}
    return _queue(name, arguments)


def _dead_letter_queues(service: str) -> tuple[Definition, Definition]:
    return (
        _queue(parked_queue(service), _dead_lettered(service, dead_queue(service))),
        _queue(dead_queue(service), {}, delivery_limit=DEAD_DELIVERY_LIMIT),
    )


def _dead_lettered(service: str, queue: str) -> Definition:
    return {
        "x-dead-letter-exchange": _dead_letters(service),
        "x-dead-letter-routing-key": queue,
        "x-dead-letter-strategy": "at-least-once",
    }


def _queue(name: str, dead_lettered: Definition, *, delivery_limit: int = DELIVERY_LIMIT) -> Definition:
    arguments: Definition = {
        "x-queue-type": "quorum",
        "x-delivery-limit": delivery_limit,
        "x-max-length": MAX_LENGTH,
        "x-overflow": "reject-publish",
    }
    return {"name": name, "durable": True, "auto_delete": False, "arguments": arguments | dead_lettered}


def _binding(source: str, queue: str, key: str) -> Definition:
    return {
        "source": source,
        "destination": queue,
        "destination_type": "queue",
        "routing_key": key,
        "arguments": {},
    }
