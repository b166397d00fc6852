"""Events of the credit service: every change of a balance."""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

from shared.events.contract import BalanceChange, Currency, Event, Lane, Minor, Text

AdditionSource = Literal["manual", "bonus", "payment", "refund"]


class CreditAdded(BalanceChange):
    """Credits were added; ``source`` says on whose behalf."""

    TYPE: ClassVar[str] = "credit.added.v1"
    LANE: ClassVar[Lane] = Lane.HIGH

    source: AdditionSource
    reason: Text
    reference: Text | None = None


class CreditDeducted(BalanceChange):
    """Credits were spent: by a debit, or by a hold that was posted."""

    TYPE: ClassVar[str] = "credit.deducted.v1"
    LANE: ClassVar[Lane] = Lane.CRITICAL

    reason: Text
    service: Text | None = None
    reference: Text | None = None
    link: Text | None = None


class CreditHeld(BalanceChange):
    """Part of the balance was set aside. ``transfer_id`` is the hold's id."""

    TYPE: ClassVar[str] = "credit.held.v1"
    LANE: ClassVar[Lane] = Lane.HIGH

    reason: Text
    reference: Text | None = None


class CreditReleased(BalanceChange):
    """A hold was voided or has expired. ``transfer_id`` is the hold's id."""

    TYPE: ClassVar[str] = "credit.released.v1"
    LANE: ClassVar[Lane] = Lane.HIGH

    cause: Literal["voided", "expired"]
    reference: Text | None = None


class CreditLowBalance(Event):
    """The available balance crossed the threshold downwards."""

    TYPE: ClassVar[str] = "credit.low_balance.v1"
    LANE: ClassVar[Lane] = Lane.STANDARD

    currency: Currency
    balance_after: Minor
    threshold: Minor


class CreditRejected(Event):
    """An addition asked for by another service could not be booked."""

    TYPE: ClassVar[str] = "credit.rejected.v1"
    LANE: ClassVar[Lane] = Lane.HIGH

    transfer_id: UUID
    currency: Currency
    amount_minor: Minor
    source: AdditionSource
    reason: Text
    reference: Text | None = None
