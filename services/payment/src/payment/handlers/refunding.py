"""Money on its way back: asked for by the refund service, given back by the provider, once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from payment.adapters import payments, refunds
from payment.domain.machine import OUTCOMES, RefundHappened, RefundState, State
from payment.domain.payment import ProviderRefund
from payment.domain.provider import Declined, RefundFound, RefundVerdict, judge_refund
from payment.handlers.progress import advance_refund, announce_outcome
from shared.observability.logs import get_logger
from shared.observability.trace import continue_trace, traced
from shared.providers.errors import ProviderAway

if TYPE_CHECKING:
    from payment.adapters.providers import Provider
    from payment.domain.payment import Payment
    from payment.domain.policy import Policy
    from shared.money import Money
    from shared.outbox import Outbox, OutboxTransaction

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RequestRefund:
    refund_id: UUID
    payment_id: UUID
    user_id: str
    money: Money
    reference: str


async def request_refund(tx: OutboxTransaction, wanted: RequestRefund) -> None:
    """Take it on, due at once; or refuse it where the payment does not bear it.

    Asked for again, it says what became of it, if it has ended: the answer may have been lost.
    """
    payment = await payments.lock(tx, wanted.payment_id)
    known = await refunds.get(tx, wanted.refund_id)
    if known is not None:
        if (outcome := OUTCOMES.get(known.state)) is not None:
            await announce_outcome(tx, known, outcome, known.reason)
        return
    refusal = await _refusal(tx, payment, wanted)
    refund = ProviderRefund(
        id=wanted.refund_id,
        payment_id=wanted.payment_id,
        user_id=wanted.user_id,
        money=wanted.money,
        reference=wanted.reference,
        state=RefundState.FAILED if refusal else RefundState.REQUESTED,
        reason=refusal,
        provider_refund_id=None,
        attempts=0,
        correlation_id=None,
    )
    new = await refunds.insert(tx, refund, None if refusal else 0.0)
    if new and refusal:
        await announce_outcome(tx, refund, OUTCOMES[refund.state], refusal)
        log.warning("refund.refused", refund_id=str(refund.id), reason=refusal)


async def _refusal(tx: OutboxTransaction, payment: Payment | None, wanted: RequestRefund) -> str | None:
    if payment is None or payment.user_id != wanted.user_id:
        return "there is no such payment"
    if payment.state is not State.COMPLETED:
        return f"the payment is {payment.state}"
    if payment.money.currency != wanted.money.currency:
        return "the payment was made in another currency"
    left = payment.money.minor - await refunds.refunded_minor(tx, payment.id)
    return "more than is left of the payment" if wanted.money.minor > left else None


class Refunds:
    """The first errand asks for it; each later one looks it up, and asks again only where there is none.

    That it is asked for is committed before: not every provider does the same request only once.
    """

    def __init__(self, outbox: Outbox, providers: Mapping[str, Provider], policy: Policy) -> None:
        self._outbox = outbox
        self._providers = providers
        self._policy = policy

    async def look(self, refund_id: UUID) -> None:
        """One errand: ask for it, ask again, or see what has become of it."""
        refund, payment = await self._read(refund_id)
        try:
            async with asyncio.timeout(self._policy.errand_seconds):
                moved = await self._look_or_ask(refund, payment)
        except (ProviderAway, TimeoutError) as away:
            log.warning("refund.unknown", refund_id=str(refund.id), error=repr(away))
            moved = False
        if not moved:
            await self._look_later(refund)

    async def look_all(self, provider: str, provider_id: str | None, reference: str | None) -> int:
        """At every refund a webhook may speak of; how many there are. Raises ProviderAway."""
        async with self._outbox.transaction() as tx:
            ids = await refunds.find(tx, provider, provider_id, reference)
        for refund_id in ids:
            refund, payment = await self._read(refund_id)
            with traced(continue_trace(None, refund.correlation_id)):
                found = await self._providers[payment.provider].look_up_refund(payment, refund)
                if found is not None:
                    await self._record(refund, found)
        return len(ids)

    async def _look_or_ask(self, refund: ProviderRefund, payment: Payment) -> bool:
        """Whether that moved it."""
        if refund.state is RefundState.REQUESTED:  # Nobody has asked so far, so there is nothing to find.
            return await self._ask(refund, payment)
        found = await self._providers[payment.provider].look_up_refund(payment, refund)
        if found is not None:
            return await self._record(refund, found)
        if refund.state is not RefundState.UNKNOWN:
            raise ProviderAway("a refund that was there is not any more")
        return await self._ask(refund, payment)

    async def _ask(self, refund: ProviderRefund, payment: Payment) -> bool:
        provider = self._providers[payment.provider]
        if not await self._claim(refund):
            return False
        try:
            made = await provider.refund(payment, refund)
        except Declined as declined:
            return await self._refused(refund, payment, declined.reason)
        return await self._record(refund, made)

    async def _refused(self, refund: ProviderRefund, payment: Payment, reason: str) -> bool:
        if refund.state is RefundState.REQUESTED:
            return await self._tell(refund, RefundVerdict(RefundHappened.REFUSED, reason))
        # Perhaps because nothing is left: an earlier request may have acted, and its answer been lost.
        found = await self._providers[payment.provider].look_up_refund(payment, refund)
        if found is not None:
            return await self._record(refund, found)
        unexplained = RefundVerdict(RefundHappened.UNRESOLVED, f"refused when asked again: {reason}")
        return await self._tell(refund, unexplained)

    async def _record(self, refund: ProviderRefund, found: RefundFound) -> bool:
        return await self._tell(refund, judge_refund(refund, found), found.provider_id)

    async def _tell(
        self, refund: ProviderRefund, verdict: RefundVerdict, provider_id: str | None = None
    ) -> bool:
        """Whether that moved it."""
        async with self._outbox.transaction() as tx:
            locked = await refunds.lock(tx, refund.id)
            assert locked is not None, "refunds are never deleted"
            if provider_id is not None:
                await refunds.learn(tx, refund.id, provider_id)
            return await advance_refund(tx, locked, verdict, self._policy) is not None

    async def _claim(self, refund: ProviderRefund) -> bool:
        """Whether to ask: of all who saw it as it was, one may."""
        async with self._outbox.transaction() as tx:
            locked = await _as_seen(tx, refund)
            if locked is None:
                return False
            if locked.state is RefundState.REQUESTED:
                await advance_refund(tx, locked, RefundVerdict(RefundHappened.ASKED), self._policy)
                return True
            return await self._take_step(tx, locked)

    async def _look_later(self, refund: ProviderRefund) -> None:
        async with self._outbox.transaction() as tx:
            locked = await _as_seen(tx, refund)
            if locked is None:
                return
            if locked.state in (RefundState.UNKNOWN, RefundState.PENDING):
                await self._take_step(tx, locked)
            elif locked.state is RefundState.REQUESTED:
                await self._ask_later(tx, locked)

    async def _ask_later(self, tx: OutboxTransaction, locked: ProviderRefund) -> None:
        """Its provider is none of ours at the moment. It was not asked, so there is nothing to review."""
        due = self._policy.refund_step(locked.attempts)
        if due is None:
            log.critical("refund.not_asked_for", refund_id=str(locked.id), looks=locked.attempts + 1)
        await refunds.look_again(tx, locked, due or self._policy.janitor_steps_seconds[-1])

    async def _take_step(self, tx: OutboxTransaction, locked: ProviderRefund) -> bool:
        """Whether there was one left; after the last a person has to look."""
        # It has waited for the first step already when it came into its state.
        due = self._policy.refund_step(locked.attempts + 1)
        if due is None:
            unresolved = RefundVerdict(RefundHappened.UNRESOLVED, "unresolved")
            await advance_refund(tx, locked, unresolved, self._policy)
            return False
        await refunds.look_again(tx, locked, due)
        return True

    async def _read(self, refund_id: UUID) -> tuple[ProviderRefund, Payment]:
        async with self._outbox.transaction() as tx:
            refund = await refunds.get(tx, refund_id)
            assert refund is not None, "refunds are never deleted"
            payment = await payments.get(tx, refund.payment_id)
            assert payment is not None, "a refund that goes to a provider has a payment"
            return refund, payment


async def _as_seen(tx: OutboxTransaction, seen: ProviderRefund) -> ProviderRefund | None:
    """Locked; None where it was moved, asked for or looked at since it was seen."""
    locked = await refunds.lock(tx, seen.id)
    assert locked is not None, "refunds are never deleted"
    return locked if (locked.state, locked.attempts) == (seen.state, seen.attempts) else None
