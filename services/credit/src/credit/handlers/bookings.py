"""Additions that another service's event asks for: booked, or refused with an event that says why."""

from __future__ import annotations

from credit.adapters import ledger
from credit.domain.commands import AddCredits
from credit.domain.errors import ClaimedMeanwhile, KeyInFlight
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
    """Book it, or publish ``credit.rejected``; booked once before, it changes nothing.

    Raises Contended where the same addition is being booked at this moment.
    """
    try:
        outcome = await ledger.add(tx, command)
    except (ClaimedMeanwhile, KeyInFlight) as other:
        raise Contended(type(other).__name__) from None
    tx.written += outcome.events
    if outcome.rejected:
        rejected = CreditRejected(
            transfer_id=command.transfer_id or command.intent.transfer_id,
            currency=command.money.currency,
            amount_minor=command.money.minor,
            source=command.source,
            reason=REASONS[str(outcome.answer["code"])],
            reference=command.reference,
        )
        await tx.publish(command.user_id, rejected)
