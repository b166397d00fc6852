"""Looks again at payments whose time has come: unknown, overdue, ended but not closed, not yet credited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from prometheus_client import Counter

from payment.adapters import payments
from payment.domain.machine import UNRESOLVED, Happened, State
from payment.domain.payment import Balance, Payment
from payment.domain.provider import Checkout, CheckoutStatus, Verdict
from payment.handlers import paying
from payment.handlers.progress import advance, announce_success
from shared.http.credit import Credit, CreditAway, CreditRefused, Transfer
from shared.observability.logs import get_logger
from shared.providers.errors import ProviderAway

if TYPE_CHECKING:
    from payment.adapters.providers import Provider
    from payment.domain.policy import Policy
    from shared.outbox import Outbox

log = get_logger(__name__)

NOT_RESOLVED = Counter("payment_unresolved_total", "Payments the janitor's steps did not resolve.", ["state"])


class Janitor:
    """Never makes a checkout: it looks up what the first call may have made."""

    def __init__(
        self, outbox: Outbox, providers: Mapping[str, Provider], credit: Credit, policy: Policy
    ) -> None:
        self._outbox = outbox
        self._providers = providers
        self._credit = credit
        self._policy = policy

    async def look(self, payment_id: UUID) -> None:
        """One errand: what is due for this payment now."""
        async with self._outbox.transaction() as tx:
            payment = await payments.get(tx, payment_id)
        if payment is None:
            return
        try:
            await self._look(payment)
        except (ProviderAway, CreditAway) as away:
            log.warning("payment.not_looked_up", payment_id=str(payment.id), error=str(away))
            await self._look_later(payment)

    async def _look(self, payment: Payment) -> None:
        match payment.state:
            case State.INITIATED | State.UNKNOWN:
                await self._resolve(payment)
            case State.PENDING:
                await self._end_overdue(payment)
            case State.FAILED | State.EXPIRED | State.CANCELLED | State.REQUIRES_REVIEW:
                await self._see_it_closed(payment)
            case State.SUCCEEDED:
                await self._see_it_credited(payment)
            case State.COMPLETED:  # Moved while the errand was on its way.
                await self._rest(payment)

    async def _resolve(self, payment: Payment) -> None:
        """Whether the first call made something, nobody here knows; the provider does."""
        found = await self._find(payment)
        if found is None:
            absent = Verdict(Happened.ABSENT, "the provider could not be reached")
            async with self._outbox.transaction() as tx:
                await paying.tell(tx, payment.id, absent, self._policy)
        else:
            await self._record(payment, found)

    async def _end_overdue(self, payment: Payment) -> None:
        if not payment.lapsed:
            async with self._outbox.transaction() as tx:
                await payments.await_deadline(tx, payment)
            return
        found = await self._find_and_close(payment)
        match found:
            case None:
                await self._lapse(payment)
            case Checkout(status=CheckoutStatus.OPEN) if not self._providers[payment.provider].can_expire:
                await self._lapse(payment)
            case Checkout(status=CheckoutStatus.PROCESSING):
                await self._wait(payment)
            case Checkout():
                await self._record(payment, found)

    async def _see_it_closed(self, payment: Payment) -> None:
        """It has ended, so nobody should be able to pay it by accident. Paid already, it succeeds."""
        found = await self._find_and_close(payment)
        match found:
            case Checkout(status=CheckoutStatus.PAID):
                await self._record(payment, found)
            case Checkout(status=CheckoutStatus.PROCESSING):
                await self._wait(payment)
            case Checkout(
                status=CheckoutStatus.OPEN | CheckoutStatus.DECLINED
            ):  # To be paid, or tried again.
                await self._look_later(payment)
            case _:
                await self._rest(payment)

    async def _find_and_close(self, payment: Payment) -> Checkout | None:
        found = await self._find(payment)
        if found is not None and found.status is CheckoutStatus.OPEN:
            return await self._providers[payment.provider].expire(found.provider_id)
        return found

    async def _see_it_credited(self, payment: Payment) -> None:
        booked = await self._booked(payment)
        async with self._outbox.transaction() as tx:
            locked = await payments.lock(tx, payment.id)
            if locked is None or locked.state is not State.SUCCEEDED:
                return
            if booked is not None:
                balance = Balance(booked.balance_after, booked.held_after, booked.version)
                await advance(tx, locked, Verdict(Happened.CREDITED), self._policy, balance=balance)
                return
            await announce_success(tx, locked)
        await self._look_later(payment)

    async def _booked(self, payment: Payment) -> Transfer | None:
        try:
            transfer = await self._credit.transfer(payment.transfer_id)
        except CreditRefused as refused:  # A fault of ours, such as a key that credit does not know.
            raise CreditAway(f"{refused.status} {refused.code}") from None
        # By hand it may have been booked wrongly: then credit refuses the payment's own, and that is told.
        if transfer is None or (transfer.user_id, transfer.money) != (payment.user_id, payment.money):
            return None
        return transfer

    async def _find(self, payment: Payment) -> Checkout | None:
        provider = self._providers[payment.provider]
        if payment.provider_id is not None:
            return await provider.look_up(payment.provider_id)
        return await provider.look_up_by_reference(payment)

    async def _record(self, payment: Payment, found: Checkout) -> None:
        async with self._outbox.transaction() as tx:
            _, moved = await paying.record(tx, payment.id, found, self._policy)
        if not moved:
            await self._look_later(payment)

    async def _lapse(self, payment: Payment) -> None:
        async with self._outbox.transaction() as tx:
            await paying.tell(tx, payment.id, Verdict(Happened.LAPSED, "expired"), self._policy)

    async def _wait(self, payment: Payment) -> None:
        """Its provider is at work, so this look was none of the steps."""
        async with self._outbox.transaction() as tx:
            await payments.wait(tx, payment, self._policy.processing_patience_seconds)

    async def _rest(self, payment: Payment) -> None:
        async with self._outbox.transaction() as tx:
            await payments.look_again(tx, payment, None)

    async def _look_later(self, payment: Payment) -> None:
        """After the last step a person has to look where nobody knows; what has ended unpaid is left at that,
        and money that was taken is looked after for ever.
        """
        async with self._outbox.transaction() as tx:
            locked = await payments.lock(tx, payment.id)
            if locked is None or locked.state is not payment.state:  # Moved meanwhile.
                return
            if locked.state is State.INITIATED:
                await advance(tx, locked, Verdict(Happened.UNANSWERED), self._policy)
                return
            due = self._policy.next_look(locked.state, locked.attempts)
            if due is None and locked.state in (State.UNKNOWN, State.PENDING):
                _alert(locked)
                await advance(tx, locked, Verdict(Happened.UNRESOLVED, UNRESOLVED), self._policy)
                return
            if due is None and locked.state is State.SUCCEEDED:
                _alert(locked)
                due = self._policy.janitor_steps_seconds[-1]
            await payments.look_again(tx, locked, due)


def _alert(payment: Payment) -> None:
    NOT_RESOLVED.labels(payment.state).inc()
    log.critical("payment.unresolved", payment_id=str(payment.id), state=payment.state)
