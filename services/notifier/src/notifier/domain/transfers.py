"""Which transfer of the ledger a notification shows, by the event it was made of."""

from __future__ import annotations

from shared.events import Envelope
from shared.events.coverage import StatedTransfer
from shared.events.credit import CreditAdded, CreditDeducted
from shared.events.payment import PaymentCompleted
from shared.events.refund import RefundCompleted, RefundFailed


def transfer_of(envelope: Envelope) -> StatedTransfer | None:
    """As the ledger has stated it, or will. None: it shows none that is not another event's to show.

    Of a payment or a refund the event is not the ledger's own, which does not matter there.
    """
    match event := envelope.event():
        case CreditDeducted():
            kind, minor = "deduction", -event.amount_minor
        case CreditAdded():
            kind, minor = event.source, event.amount_minor
        case PaymentCompleted():
            kind, minor = "payment", event.amount_minor
        case RefundCompleted(kind="credit") | RefundFailed(reversed=True):
            kind, minor = "refund", event.amount_minor
        case _:
            return None
    if event.transfer_id is None:
        return None
    return StatedTransfer(
        event.transfer_id, envelope.id, kind, envelope.subject, minor, event.currency, envelope.time
    )
