"""The user's credits behind a refund to the card: set aside first, then taken or given back."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from refund.adapters import refunds
from refund.domain.errors import CreditBusy
from refund.domain.machine import Happening, State
from refund.domain.pace import Pace
from refund.domain.refund import SPENT, Booked, Failure, Refund
from refund.handlers.advance import advance
from shared.db import Transaction
from shared.http.credit import Credit, CreditAway, CreditRefused, Transfer
from shared.observability.logs import get_logger
from shared.outbox import Outbox

log = get_logger(__name__)

INSUFFICIENT_CREDITS = "insufficient_credits"
HOLD_SECONDS = 30 * 24 * 3600
# Long enough for a person to see to it before the credits can be spent again.
LAST_SECONDS = 7 * 24 * 3600
REASON = "Refund to your card"


async def place(credit: Credit, refund: Refund) -> UUID:
    """The refund's hold, the same one however often it is asked for. Raises CreditAway or CreditRefused."""
    return await credit.place_hold(
        refund.user_id,
        refund.money,
        key=str(refund.id),
        reason=REASON,
        expires_in_seconds=HOLD_SECONDS,
        reference=refund.reference,
        link=f"/refunds/{refund.id}",
    )


async def secure(outbox: Outbox, credit: Credit, pace: Pace, refund_id: UUID) -> Refund:
    """Goes on from a refund in ``holding``, whose intent is committed: initiated now, or rejected.

    Raises CreditBusy; then the same request goes on from here, or the errand ends it.
    """
    async with outbox.transaction() as tx:
        refund = await _reprieve(tx, pace, refund_id)
    if refund.state is not State.HOLDING:
        return refund
    try:
        hold_id = await place(credit, refund)
    except CreditAway as away:
        log.warning("refund.hold_unknown", refund_id=str(refund_id), error=str(away))
        raise CreditBusy from None
    except CreditRefused as refused:
        code = SPENT if refused.code == INSUFFICIENT_CREDITS else refused.code
        failure = Failure(code, refused.detail)
        async with outbox.transaction() as tx:
            case = await refunds.locked(tx, refund_id)
            return await advance(tx, pace, case, Happening.HOLD_REFUSED, failure=failure)
    async with outbox.transaction() as tx:
        case = await refunds.locked(tx, refund_id)
        return await advance(tx, pace, case, Happening.HOLD_PLACED, hold_id=hold_id, transfer_id=hold_id)


async def _reprieve(tx: Transaction, pace: Pace, refund_id: UUID) -> Refund:
    """Somebody has come back for it: the errand is to leave it alone meanwhile."""
    refund = (await refunds.locked(tx, refund_id)).refund
    if refund.state is State.HOLDING:
        await refunds.put_off(tx, refund_id, pace.abandon_after, 0)
    return refund


async def give_back(credit: Credit, refund: Refund) -> Booked | None:
    """Void the hold, if there may be one. What it was posted as, should it turn out to have been.

    Raises CreditAway or CreditRefused.
    """
    hold_id = refund.hold_id
    if hold_id is None:
        try:
            # Nobody knows whether it was placed; now it is, and by which id.
            hold_id = await place(credit, refund)
        except CreditRefused:
            return None
    posted = await credit.end_hold(hold_id)
    return None if posted is None else booked(posted)


def ends_soon(refund: Refund) -> bool:
    """Or has ended: its credits are, or will be, the user's to spend, whatever the provider does."""
    age = datetime.now(UTC) - refund.created_at
    return refund.kind == "money" and age.total_seconds() > HOLD_SECONDS - LAST_SECONDS


def booked(transfer: Transfer) -> Booked:
    return Booked(transfer.id, transfer.balance_after, transfer.held_after, transfer.version)
