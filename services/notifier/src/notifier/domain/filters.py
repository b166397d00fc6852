"""What a history can be narrowed to: everything that is set must hold for a notification."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from notifier.domain.notification import Category


class Family(StrEnum):
    """What a notification is about: its kind up to the dot."""

    PAYMENT = "payment"
    REFUND = "refund"
    VERIFICATION = "verification"
    CREDIT = "credit"
    ACTIVITY = "activity"


class Flow(StrEnum):
    """Which way money moved."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class Filters:
    """``since`` is the first instant that is in, ``until`` the first that is not; both have a time zone."""

    unread: bool = False
    category: Category | None = None
    kind: Family | None = None
    money: Flow | None = None
    since: datetime | None = None
    until: datetime | None = None
