"""A notification as its user sees it, before it has its place in their stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

from shared.events import Lane
from shared.money import Money


class Category(StrEnum):
    """What a history can be filtered by."""

    MONEY_IN = "money_in"
    MONEY_OUT = "money_out"
    PAYMENT = "payment"
    REFUND = "refund"
    VERIFICATION = "verification"
    ACCOUNT = "account"
    SECURITY = "security"


@dataclass(frozen=True, slots=True)
class Notification:
    """The copy, kept apart as icon, title and body, and what belongs to it.

    ``amount_minor`` is signed (positive: money in) and None where no money moved.
    """

    kind: str
    lane: Lane
    category: Category
    icon: str
    title: str
    body: str = field(repr=False)  # It may hold an SMS code.
    link: str
    toast: bool
    amount_minor: int | None = None
    currency: str | None = None
    transfer_id: UUID | None = None

    @property
    def text(self) -> str:
        return shown_text(self.icon, self.title, self.body)

    @property
    def amount(self) -> str | None:
        return signed_amount(self.amount_minor, self.currency)


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Nothing is shown of an event, and why; ``detail`` is more for the trail. Neither holds a secret."""

    reason: str
    detail: Mapping[str, str] = field(default_factory=dict)


def shown_text(icon: str, title: str, body: str) -> str:
    """The whole line. A title that ends a sentence of its own needs no dash before the next one."""
    return f"{icon} {title} {body}" if title.endswith("!") else f"{icon} {title} - {body}"


@lru_cache(maxsize=8192)  # Prices repeat, and decimals are slow.
def signed_amount(minor: int | None, currency: str | None) -> str | None:
    """The decimal string with its sign, such as ``"+12.50"``, or None where no money moved."""
    if minor is None or currency is None:
        return None
    return f"{'-' if minor < 0 else '+'}{Money(abs(minor), currency).amount}"


# All that it says, by the names of the table's columns and in the order of the statements.
SHOWN = (
    "kind",
    "lane",
    "category",
    "icon",
    "title",
    "body",
    "link",
    "toast",
    "amount_minor",
    "currency",
    "transfer_id",
)
