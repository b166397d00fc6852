"""Money on its way back: asked for by the refund service, given back by the provider, once."""

from __future__ import annotations

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
    """Each errand looks the refund up first, and asks for it only where the provider has none."""

    def __init__(self, outbox: Outbox, providers: Mapping[str, Provider], policy: Policy) -> None:
        self._outbox = outbox
        self._providers = providers
        self._policy = policy

    async def look(self, refund_id: UUID) -> None:
        """One errand: ask for it, ask again, or see what has become of it."""
        refund, payment = await self._read(refund_id)
        with traced(continue_trace(None, refund.correlation_id)):
            try:
                await self._look(refund, payment, ask=True)
            except ProviderAway as away:
                log.warning("refund.unknown", refund_id=str(refund.id), error=str(away))
                await self._look_later(refund)

    async def look_all(self, provider: str, provider_id: str | None, reference: str | None) -> int:
        """At every refund a webhook may speak of; how many there are. Raises ProviderAway."""
        async with self._outbox.transaction() as tx:
            ids = await refunds.find(tx, provider, provider_id, reference)
        for refund_id in ids:
            refund, payment = await self._read(refund_id)
            with traced(continue_trace(None, refund.correlation_id)):
                await self._look(refund, payment, ask=False)
        return len(ids)

    async def _look(self, refund: ProviderRefund, payment: Payment, *, ask: bool) -> None:
        """``ask``: where the provider has none. Only the errand does, whose lease keeps a second one away."""
        if refund.state is RefundState.FAILED:
            return
        provider = self._providers[payment.provider]
        found: RefundFound | Declined | None = await provider.look_up_refund(payment, refund)
        if found is None and ask:
            found = await self._ask(refund, payment)
        if found is None:
            return
        if isinstance(found, RefundFound):
            verdict = judge_refund(refund, found)
        else:
            verdict = RefundVerdict(RefundHappened.REFUSED, found.reason)
        async with self._outbox.transaction() as tx:
            locked = await refunds.lock(tx, refund.id)
            assert locked is not None, "refunds are never deleted"
            if isinstance(found, RefundFound):
                await refunds.learn(tx, refund.id, found.provider_id)
            moved = await advance_refund(tx, locked, verdict, self._policy)
        if moved is None:
            await self._look_later(refund)

    async def _ask(self, refund: ProviderRefund, payment: Payment) -> RefundFound | Declined:
        if refund.state not in (RefundState.REQUESTED, RefundState.UNKNOWN):
            raise ProviderAway("a refund that was there is not any more")
        try:
            return await self._providers[payment.provider].refund(payment, refund)
        except Declined as declined:
            return declined

    async def _look_later(self, refund: ProviderRefund) -> None:
        """After the last step a person has to look. One that has ended is at rest already."""
        async with self._outbox.transaction() as tx:
            locked = await refunds.lock(tx, refund.id)
            if locked is None or locked.state is not refund.state:
                return
            if locked.state is RefundState.REQUESTED:
                unanswered = RefundVerdict(RefundHappened.UNANSWERED)
                await advance_refund(tx, locked, unanswered, self._policy)
                return
            if locked.state not in (RefundState.UNKNOWN, RefundState.PENDING):
                return
            # It has waited for the first step already when it came into its state.
            due = self._policy.step(locked.attempts + 1)
            if due is None:
                unresolved = RefundVerdict(RefundHappened.UNRESOLVED, "unresolved")
                await advance_refund(tx, locked, unresolved, self._policy)
            else:
                await refunds.look_again(tx, locked, due)

    async def _read(self, refund_id: UUID) -> tuple[ProviderRefund, Payment]:
        async with self._outbox.transaction() as tx:
            refund = await refunds.get(tx, refund_id)
            assert refund is not None, "refunds are never deleted"
            payment = await payments.get(tx, refund.payment_id)
            assert payment is not None, "a refund that goes to a provider has a payment"
            return refund, payment
