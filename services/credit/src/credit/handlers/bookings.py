"""Additions that another service's event asks for: booked, or refused with an event that says why."""

from __future__ import annotations

from credit.adapters import ledger
from credit.domain.commands import AddCredits, rejection_event_of
from credit.domain.errors import ClaimedMeanwhile, KeyInFlight, KeyReused
from shared.db.database import Contended
from shared.events.credit import CreditRejected
from shared.outbox import OutboxTransaction

REASONS = {
    "not_found": "the user has no account",
    "currency_mismatch": "the user has no account in this currency",
    "account_closed": "the account is closed",
    "balance_limit": "the balance would exceed the largest that is kept",
    "transfer_conflict": "another movement was booked under this transfer's id",
}


async def book_addition(tx: OutboxTransaction, command: AddCredits) -> None:
    """Book it, or publish ``credit.rejected``. Booked before, it changes nothing; rejected before, it stays
    rejected, which is said again as the same event.

    Raises Contended where the same addition is being booked at this moment.
    """
    code = await _refusal(tx, command)
    if code is None:
        return
    transfer_id = command.transfer_id or command.intent.transfer_id
    rejected = CreditRejected(
        transfer_id=transfer_id,
        currency=command.money.currency,
        amount_minor=command.money.minor,
        source=command.source,
        reason=REASONS[code],
        reference=command.reference,
    )
    await tx.publish(command.user_id, rejected, event_id=rejection_event_of(transfer_id, code))


async def _refusal(tx: OutboxTransaction, command: AddCredits) -> str | None:
    """None when it is booked."""
    try:
        outcome = await ledger.add(tx, command)
    except (ClaimedMeanwhile, KeyInFlight) as other:
        raise Contended(type(other).__name__) from None
    except KeyReused:
        return "transfer_conflict"
    tx.written += outcome.events
    return str(outcome.answer["code"]) if outcome.rejected else None
