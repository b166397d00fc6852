"""The payment service's part in refunds to the card, on its own database, with its provider in memory."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from payment.adapters import payments
from payment.adapters.providers import Providers
from payment.adapters.providers.fake import FakeProvider
from payment.consumers import subscriptions
from payment.domain.payment import Intent
from payment.domain.policy import Policy
from payment.handlers.refunding import Refunds
from services.refund.tests.bench import Bench, deliver, envelopes
from shared.money import Money

if TYPE_CHECKING:
    from shared.outbox import Outbox

POLICY = Policy(
    janitor_steps_seconds=(300.0,),
    checkout_seconds=1800.0,
    call_seconds=8.0,
    min_amount=Decimal(1),
    max_amount=Decimal(10000),
    max_open=20,
)


class PaymentDesk:
    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.provider = FakeProvider()
        self.refunds = Refunds(outbox, Providers({self.provider.name: self.provider}), POLICY)
        self.subscriptions = subscriptions(POLICY)

    async def paid(self, bench: Bench, user: str, minor: int = 10_00) -> UUID:
        """A completed payment, known to both services."""
        id_ = await bench.paid(user, minor)
        async with self.outbox.transaction() as tx:
            intent = Intent(id_, "f", user, Money(minor, "USD"), self.provider.name)
            assert await payments.insert(tx, intent, POLICY) is not None
            await tx.execute("UPDATE payment SET state = 'completed', due_at = NULL WHERE id = $1", id_)
        return id_

    async def end(self, refund_id: UUID, outcome: Literal["refunded", "refused"]) -> None:
        """The provider is asked, and answers."""
        if outcome == "refused":
            self.provider.fail_next("refund", "declined")
        await self.refunds.look(refund_id)

    async def hear(self, bench: Bench, user: str) -> None:
        """What the refund service says arrives here."""
        for envelope in await envelopes(bench.outbox, user, "refund"):
            await deliver(self.outbox, self.subscriptions, envelope)

    async def answer(self, bench: Bench, user: str) -> None:
        """And what is said of it arrives there."""
        for envelope in await envelopes(self.outbox, user, "payment"):
            await deliver(bench.outbox, bench.subscriptions, envelope)

    async def lose_answers(self, user: str) -> None:
        """They were published, and lost."""
        async with self.outbox.transaction() as tx:
            await tx.execute("DELETE FROM outbox WHERE user_id = $1", user)
