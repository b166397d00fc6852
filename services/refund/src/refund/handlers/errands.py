"""What is due of a refund: its claim after the grace, credit's part in refunds to the card, the janitor."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from refund.adapters import refunds
from refund.domain import events
from refund.domain.machine import Happening, State
from refund.domain.pace import Pace
from refund.domain.refund import ABANDONED, Booked, Failure, Refund
from refund.handlers import holds
from refund.handlers.advance import advance
from refund.handlers.outcomes import ask_for_review, complete
from shared.http.credit import Credit, CreditAway, CreditRefused
from shared.observability.logs import get_logger
from shared.outbox import Outbox, OutboxTransaction

if TYPE_CHECKING:
    from shared.events.refund import RefundFailed, RefundProcessing

log = get_logger(__name__)


class ErrandRunner:
    """Does what a refund's state asks for. Where credit is away it is due again when the lease is over."""

    def __init__(self, outbox: Outbox, credit: Credit, pace: Pace) -> None:
        self._outbox = outbox
        self._credit = credit
        self._pace = pace

    async def do(self, refund_id: UUID) -> None:
        async with self._outbox.transaction() as tx:
            refund = await refunds.find(tx, refund_id)
        if refund is None:
            return
        try:
            await self._do(refund)
        except CreditAway as away:
            log.warning("refund.credit_away", refund_id=str(refund_id), state=refund.state, error=str(away))
        except CreditRefused as refused:
            await self._puzzled(refund, refused)

    async def _do(self, refund: Refund) -> None:
        match refund.state:
            case State.HOLDING:
                await self._abandon(refund)
            case State.INITIATED:
                await self._apply(refund, Happening.CLAIMED)
            case State.PROCESSING if refund.kind == "credit":
                await self._look_up(refund)
            case State.PROCESSING:
                await self._remind(refund)
            case State.POSTING:
                transfer = await self._credit.post_hold(self._hold_of(refund))
                await self._apply(refund, Happening.HOLD_POSTED, booked=holds.booked(transfer))
            case State.VOIDING:
                await self._void(refund)
            case State.CANCELLED | State.REJECTED if refund.kind == "money":
                await holds.give_back(self._credit, refund)
                await self._close(refund)
            case State.FAILED if refund.compensation_transfer_id is not None:
                await self._look_up_reversal(refund, refund.compensation_transfer_id)
            case _:
                await self._close(refund)  # Something else has ended it meanwhile.

    async def _apply(
        self,
        refund: Refund,
        happening: Happening,
        *,
        failure: Failure | None = None,
        booked: Booked | None = None,
    ) -> Refund:
        async with self._outbox.transaction() as tx:
            case = await refunds.locked(tx, refund.id)
            return await advance(tx, self._pace, case, happening, failure=failure, booked=booked)

    async def _abandon(self, refund: Refund) -> None:
        """The row first: once it is rejected nobody can go on from it and find its hold voided."""
        failure = Failure(ABANDONED, "the request was not completed; ask again with a new key")
        after = await self._apply(refund, Happening.ABANDONED, failure=failure)
        if after.state is State.REJECTED:
            await self._do(after)

    async def _void(self, refund: Refund) -> None:
        posted = await holds.give_back(self._credit, refund)
        if posted is None:
            await self._apply(refund, Happening.HOLD_VOIDED)
        else:
            await self._apply(refund, Happening.HOLD_POSTED, booked=posted)

    async def _look_up(self, refund: Refund) -> None:
        assert refund.transfer_id is not None
        transfer = await self._credit.transfer(refund.transfer_id)
        if transfer is None:
            await self._remind(refund)
            return
        async with self._outbox.transaction() as tx:
            await complete(tx, self._pace, refund.id, holds.booked(transfer))

    async def _remind(self, refund: Refund) -> None:
        async with self._outbox.transaction() as tx:
            current = (await refunds.locked(tx, refund.id)).refund
            if current.state is not State.PROCESSING:
                return
            await self._say_again(tx, current, events.processing(current), current.processing_event_id)
        if holds.ends_soon(current):
            ask_for_review(current, "hold_ends", created_at=current.created_at.isoformat())
        else:
            self._watch(current, "stuck")

    async def _say_again(
        self,
        tx: OutboxTransaction,
        refund: Refund,
        event: RefundProcessing | RefundFailed,
        event_id: UUID | None,
    ) -> None:
        """Under the id it had, for whoever never got it; and under a new one for whoever did and whose answer
        was lost: their inbox drops the first, and what is asked of them they do once in any case.
        """
        await tx.publish(refund.user_id, event, event_id=event_id)
        await tx.publish(refund.user_id, event.model_copy(update={"reminder": True}))
        await refunds.put_off(tx, refund.id, self._pace.step(refund.attempts + 1), refund.attempts + 1)

    async def _look_up_reversal(self, refund: Refund, transfer_id: UUID) -> None:
        if await self._credit.transfer(transfer_id) is not None:
            await self._close(refund)
            return
        async with self._outbox.transaction() as tx:
            current = (await refunds.locked(tx, refund.id)).refund
            await self._say_again(tx, current, events.failed(current), current.failed_event_id)
        self._watch(current, "reversal_stuck")

    async def _puzzled(self, refund: Refund, refused: CreditRefused) -> None:
        """Credit refuses what it should not, such as to post a hold that has expired or was ended by hand."""
        ask_for_review(refund, "credit_refused", refusal=refused.code)
        async with self._outbox.transaction() as tx:
            current = (await refunds.locked(tx, refund.id)).refund
            if current.state is refund.state:
                last = self._pace.last
                await refunds.put_off(tx, current.id, self._pace.step(last), last)

    def _watch(self, refund: Refund, cause: str) -> None:
        """All steps have been taken: from now on it is looked at as rarely as at the last, with an alert."""
        if refund.attempts + 1 >= self._pace.last:
            ask_for_review(refund, cause, looks=refund.attempts + 1)

    async def _close(self, refund: Refund) -> None:
        async with self._outbox.transaction() as tx:
            current = (await refunds.locked(tx, refund.id)).refund
            if current.state is refund.state:
                await refunds.put_off(tx, current.id, None, 0)

    @staticmethod
    def _hold_of(refund: Refund) -> UUID:
        assert refund.hold_id is not None
        return refund.hold_id
