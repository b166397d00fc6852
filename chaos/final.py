"""What is left when it is all over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared import trail


@dataclass(frozen=True, slots=True)
class Account:
    """Amounts here and below are minor units."""

    user: str
    currency: str
    posted: int
    held: int
    version: int
    threshold: int = 0


@dataclass(frozen=True, slots=True)
class Transfer:
    id: str
    user: str
    kind: str
    source: str | None
    amount: int
    currency: str
    version: int
    balance_after: int
    hold: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """``user`` is None on the system's side."""

    transfer: str
    user: str | None
    currency: str
    amount: int


@dataclass(frozen=True, slots=True)
class Hold:
    id: str
    user: str
    currency: str
    amount: int
    status: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the ledger keeps under an idempotency key. ``transfer`` is None where it was refused."""

    key: str
    status: int
    transfer: str | None


@dataclass(frozen=True, slots=True)
class Stream:
    user: str
    epoch: int
    last_seq: int
    unread: int
    rev: int


@dataclass(frozen=True, slots=True)
class Notification:
    user: str
    seq: int
    id: str
    kind: str
    link: str
    text: str
    transfer: str | None = None
    read: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of the trail, and the hash at its place, which it has once it is sealed."""

    entry: trail.Entry
    hash: bytes | None


@dataclass(frozen=True, slots=True)
class Audit:
    """What the product's own audit of the whole trail says: of its faults the first of each kind.

    ``checkpoints``: the number of the last one that was looked at.
    """

    faults: tuple[trail.Fault, ...]
    seals: int
    checkpoints: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the product says of the ledger's transfers: how many, and how many its users were not shown."""

    stated: int
    holes: int
    statements_missing: int


@dataclass(frozen=True, slots=True)
class Parked:
    """``service`` is whose inbox it is. ``told``: it is one of those of which the trail tells."""

    service: str
    id: str
    state: str
    reason: str
    told: bool = False


@dataclass(frozen=True, slots=True)
class Payment:
    """``paid``: what the provider says; None where it does not answer or was never asked."""

    id: str
    user: str
    amount: int
    state: str
    reference: str
    transfer: str
    paid: bool | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    id: str
    user: str
    price: int
    state: str
    transfer: str | None = None
    hold: str | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    """``told``: it was said that it is under way. ``compensation`` gave back what it had taken."""

    id: str
    user: str
    of: str
    kind: str
    auto: bool
    amount: int
    state: str
    told: bool = False
    transfer: str | None = None
    hold: str | None = None
    compensation: str | None = None


@dataclass(frozen=True, slots=True)
class Refundable:
    id: str
    user: str
    amount: int
    reserved: int


@dataclass(frozen=True, slots=True)
class Resources:
    """By service: sessions at its database, those of them idle in a transaction, channels, memory (bytes)."""

    sessions: Mapping[str, int] = field(default_factory=dict)
    idle_in_transaction: Mapping[str, int] = field(default_factory=dict)
    channels: Mapping[str, int] = field(default_factory=dict)
    memory: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Final:
    """``twice``: events that a service's inbox holds more than once. ``queues``: what lies in each.

    ``came``: the events that the notifier has taken in. ``trail``: of each user in the order of its places,
    and then what is not sealed.
    """

    accounts: tuple[Account, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    entries: tuple[Entry, ...] = ()
    holds: tuple[Hold, ...] = ()
    answers: tuple[Answer, ...] = ()
    streams: tuple[Stream, ...] = ()
    notifications: tuple[Notification, ...] = ()
    balances: tuple[Account, ...] = ()
    came: tuple[str, ...] = ()
    trail: tuple[Link, ...] = ()
    audit: Audit | None = None
    coverage: Coverage | None = None
    payments: tuple[Payment, ...] = ()
    verifications: tuple[Verification, ...] = ()
    refunds: tuple[Refund, ...] = ()
    refundables: tuple[Refundable, ...] = ()
    parked: tuple[Parked, ...] = ()
    twice: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unsent: Mapping[str, int] = field(default_factory=dict)
    unprocessed: Mapping[str, int] = field(default_factory=dict)
    queues: Mapping[str, int] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
