"""What is published of a refund, made of its row alone: published again, it says the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from refund.domain.refund import Booked, Refund, Refundable
from shared.events import Event
from shared.events.refund import (
    RefundCancelled,
    RefundCompleted,
    RefundFailed,
    RefundInitiated,
    RefundProcessing,
)


def initiated(refund: Refund) -> RefundInitiated:
    return RefundInitiated(**_of(refund))


def cancelled(refund: Refund) -> RefundCancelled:
    return RefundCancelled(**_of(refund))


def processing(refund: Refund) -> RefundProcessing:
    """Kind ``money`` names the hold, kind ``credit`` the transfer that credit is to book."""
    transfer_id = refund.hold_id if refund.kind == "money" else refund.transfer_id
    assert transfer_id is not None
    return RefundProcessing(**_of(refund), transfer_id=transfer_id)


def completed(refund: Refund, refundable: Refundable, booked: Booked) -> RefundCompleted:
    return RefundCompleted(
        **_of(refund),
        service=refundable.service,
        transfer_id=booked.transfer_id,
        balance_after=booked.balance_after,
        held_after=booked.held_after,
        version=booked.version,
    )


def failed(refund: Refund) -> RefundFailed:
    """Its reason is why it failed; what the refund was for is known from ``refund.initiated``."""
    reason = refund.failure_reason or refund.reason
    return RefundFailed(
        **{**_of(refund), "reason": reason},
        reversed=refund.compensation_transfer_id is not None,
        transfer_id=refund.compensation_transfer_id,
    )


# Of those that need nothing but the refund.
OF_ROW: Mapping[type[Event], Callable[[Refund], Event]] = {
    RefundInitiated: initiated,
    RefundCancelled: cancelled,
    RefundProcessing: processing,
    RefundFailed: failed,
}


def _of(refund: Refund) -> dict[str, Any]:
    return {
        "refund_id": refund.id,
        "currency": refund.currency,
        "amount_minor": refund.amount_minor,
        "reference": refund.reference,
        "reason": refund.reason,
        "kind": refund.kind,
        "auto": refund.auto,
        "payment_id": refund.payment_id,
        "verification_id": refund.verification_id,
    }
