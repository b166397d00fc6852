"""Paying from the user's side to the provider's: the intent is committed before anybody else hears of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from payment.domain.machine import Happened
from payment.domain.provider import Declined, Verdict
from payment.handlers import paying
from shared.observability.logs import get_logger
from shared.providers.errors import ProviderAway

if TYPE_CHECKING:
    from collections.abc import Callable

    from payment.adapters.providers import Provider
    from payment.domain.payment import Intent, Payment
    from payment.domain.policy import Policy
    from shared.outbox import Outbox

log = get_logger(__name__)


class Checkouts:
    """``nudge`` is called after a commit that left something to do."""

    def __init__(
        self,
        outbox: Outbox,
        providers: Mapping[str, Provider],
        policy: Policy,
        nudge: Callable[[], None],
    ) -> None:
        self._outbox = outbox
        self._providers = providers
        self._policy = policy
        self._nudge = nudge

    async def open(self, intent: Intent) -> Payment:
        """The payment of this intent, begun at its provider if that was not done before.

        A crash after the first commit leaves it ``initiated``, and the janitor looks it up. Raises what
        ``initialize_payment`` raises.
        """
        async with self._outbox.transaction() as tx:
            payment, new = await paying.initialize_payment(tx, intent, self._policy)
        return await self._begin(payment) if new else payment

    async def _begin(self, payment: Payment) -> Payment:
        try:
            checkout = await self._providers[payment.provider].make_checkout(payment)
        except Declined as declined:
            verdict = Verdict(Happened.REFUSED, declined.reason)
        except ProviderAway as away:
            log.warning("checkout.unknown", payment_id=str(payment.id), error=str(away))
            verdict = Verdict(Happened.UNANSWERED)
        else:
            async with self._outbox.transaction() as tx:
                begun, _ = await paying.record(tx, payment.id, checkout, self._policy)
            return begun
        async with self._outbox.transaction() as tx:
            return await paying.tell(tx, payment.id, verdict, self._policy)

    async def give_up(self, payment: Payment) -> Payment:
        """Raises StateConflict."""
        async with self._outbox.transaction() as tx:
            given_up = await paying.give_up(tx, payment, self._policy)
        self._nudge()  # The provider's page is to be closed too.
        return given_up
