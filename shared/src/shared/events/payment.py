"""Events of the payment service: from checkout to credits."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from shared.events.contract import BalanceChange, Currency, Event, Lane, Minor, Text


class Payment(Event):
    payment_id: UUID
    currency: Currency
    amount_minor: Minor
    reference: Text


class PaymentInitiated(Payment):
    """There is a checkout to pay at."""

    TYPE: ClassVar[str] = "payment.initiated.v1"
    LANE: ClassVar[Lane] = Lane.HIGH


class PaymentSucceeded(Payment):
    """The provider took the money; credit adds it under ``transfer_id``."""

    TYPE: ClassVar[str] = "payment.succeeded.v1"
    LANE: ClassVar[Lane] = Lane.CRITICAL

    transfer_id: UUID


class PaymentCompleted(BalanceChange):
    """The credits are on the account."""

    TYPE: ClassVar[str] = "payment.completed.v1"
    LANE: ClassVar[Lane] = Lane.CRITICAL

    payment_id: UUID
    reference: Text


class FailureCause(StrEnum):
    """Whose doing it was that a payment failed."""

    DECLINED = "declined"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNREACHABLE = "unreachable"


class PaymentFailed(Payment):
    """No money was taken so far; what is paid late all the same succeeds, with ``payment.succeeded``."""

    TYPE: ClassVar[str] = "payment.failed.v1"
    LANE: ClassVar[Lane] = Lane.CRITICAL

    reason: Text
    cause: FailureCause = Field(
        FailureCause.DECLINED,
        description=(
            "declined: the payer's card or account. refused: the provider opens no checkout for it."
            " cancelled: by the user. expired: not paid in time. unreachable: the provider never got it."
        ),
    )


class PaymentFlagged(Payment):
    """The provider reports a success that does not match the payment; a person has to look."""

    TYPE: ClassVar[str] = "payment.flagged.v1"
    LANE: ClassVar[Lane] = Lane.STANDARD

    reason: Text


class _PaymentRefund(Payment):
    """What a provider did with a refund of kind ``money``; ``amount_minor`` is the refund's."""

    refund_id: UUID


class PaymentRefunded(_PaymentRefund):
    """The provider has given the money back."""

    TYPE: ClassVar[str] = "payment.refunded.v1"
    LANE: ClassVar[Lane] = Lane.STANDARD


class PaymentRefundFailed(_PaymentRefund):
    """The provider has refused the refund, or has failed it after it had succeeded."""

    TYPE: ClassVar[str] = "payment.refund_failed.v1"
    LANE: ClassVar[Lane] = Lane.STANDARD

    reason: Text
