"""Events of the refund service, by hand and automatic."""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

from shared.events.contract import BalanceChange, Currency, Event, Lane, Minor, Text

RefundKind = Literal["credit", "money"]


class Refund(Event):
    refund_id: UUID
    currency: Currency
    amount_minor: Minor
    reference: Text
    reason: Text
    kind: RefundKind = "credit"
    auto: bool = False
    payment_id: UUID | None = None
    verification_id: UUID | None = None


class RefundInitiated(Refund):
    """A refund was asked for, by a person or by what went wrong."""

    TYPE: ClassVar[str] = "refund.initiated.v1"
    LANE: ClassVar[Lane] = Lane.CRITICAL


class RefundProcessing(Refund):
    """The refund is under way. Kind ``credit``: the ledger adds it under ``transfer_id``. Kind ``money``: the
    payment service has its provider give it back, and ``transfer_id`` is the hold's on the user's credits.

    ``reminder``: said before, for whoever has yet to do their part; the user is not told again.
    """

    TYPE: ClassVar[str] = "refund.processing.v1"
    LANE: ClassVar[Lane] = Lane.HIGH

    transfer_id: UUID
    reminder: bool = False


class RefundCompleted(BalanceChange):
    """The money is back: on the account, or with kind ``money`` where it came from."""

    TYPE: ClassVar[str] = "refund.completed.v1"
    LANE: ClassVar[Lane] = Lane.CRITICAL

    refund_id: UUID
    reference: Text
    reason: Text
    kind: RefundKind = "credit"
    auto: bool = False
    service: Text | None = None
    payment_id: UUID | None = None
    verification_id: UUID | None = None


class RefundFailed(Refund):
    """Definitively refused; ``reversed`` when the provider failed it after it had completed.

    Then the ledger gives the credits back under ``transfer_id``. ``reminder``: the user is not told again.
    """

    TYPE: ClassVar[str] = "refund.failed.v1"
    LANE: ClassVar[Lane] = Lane.CRITICAL

    reversed: bool = False
    transfer_id: UUID | None = None
    reminder: bool = False


class RefundCancelled(Refund):
    """Given up before it was under way."""

    TYPE: ClassVar[str] = "refund.cancelled.v1"
    LANE: ClassVar[Lane] = Lane.HIGH
