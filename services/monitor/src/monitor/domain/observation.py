"""What the rules look at: one fact about one user, at the time at which it happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    SPENT = "spent"
    REFUND_ASKED = "refund_asked"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_COMPLETED = "payment_completed"
    NUMBER_ASSIGNED = "number_assigned"
    CODE_RECEIVED = "code_received"
    NO_CODE = "no_code"


@dataclass(frozen=True, slots=True)
class Observation:
    """``subject`` is the transfer, refund, payment or verification; the same fact about it counts once."""

    user_id: str
    kind: Kind
    subject: UUID
    at: datetime
    currency: str | None = None
    amount_minor: int | None = None


@dataclass(frozen=True, slots=True)
class SpentHour:
    """What was spent in one hour by the clock, in one currency."""

    hour: datetime
    minor: int
    debits: int


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
