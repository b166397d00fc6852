"""News from providers: stored, then checked at the provider before anything is believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from prometheus_client import Counter

from payment.adapters import payments, webhooks
from payment.domain.machine import Happened, transition_of
from payment.domain.policy import webhook_retry_seconds
from payment.domain.provider import CheckoutStatus, WebhookEvent
from payment.handlers import paying
from shared.observability.logs import get_logger
from shared.observability.trace import continue_trace, traced
from shared.providers.errors import ProviderAway

if TYPE_CHECKING:
    from payment.adapters.providers import Provider
    from payment.adapters.webhooks import StoredWebhook
    from payment.domain.payment import Payment
    from payment.domain.policy import Policy
    from payment.handlers.refunding import Refunds
    from shared.db import Database
    from shared.outbox import Outbox

log = get_logger(__name__)

ALERT_AFTER = 10
RECEIVED = Counter("payment_webhooks_received_total", "Verified webhooks.", ["provider", "new"])
PROCESSED = Counter("payment_webhooks_processed_total", "Webhooks by outcome.", ["provider", "outcome"])


async def receive(db: Database, provider: str, event: WebhookEvent) -> bool:
    """Store a verified webhook; whether it is new. One round trip: the provider waits for our answer."""
    async with db.autocommit() as tx:
        new = await webhooks.insert(tx, provider, event) is not None
    RECEIVED.labels(provider, str(new).lower()).inc()
    return new


class Webhooks:
    """What becomes of a webhook after it was answered."""

    def __init__(
        self,
        outbox: Outbox,
        db: Database,
        providers: Mapping[str, Provider],
        refunds: Refunds,
        policy: Policy,
    ) -> None:
        self._outbox = outbox
        self._db = db
        self._providers = providers
        self._refunds = refunds
        self._policy = policy

    async def process(self, webhook_id: UUID) -> None:
        """One errand. Where the provider does not answer, the webhook stays due."""
        async with self._db.autocommit() as tx:
            webhook = await webhooks.get(tx, webhook_id)
        if webhook is None or webhook.outcome is not None:
            return
        try:
            match webhook.event.kind:
                case "refund":
                    await self._refund_news(webhook)
                case "dispute":
                    await self._dispute_news(webhook)
                case _:
                    await self._checkout_news(webhook)
        except ProviderAway as away:
            await self._try_again(webhook, away)

    async def _checkout_news(self, webhook: StoredWebhook) -> None:
        event = webhook.event
        async with self._db.autocommit() as tx:
            payment = await payments.find(tx, webhook.provider, event.provider_id, event.reference)
        if payment is None:
            log.warning("webhook.unknown_reference", webhook_id=str(webhook.id), provider=webhook.provider)
            await self._finish(webhook, "ignored")
            return
        with traced(continue_trace(None, payment.correlation_id)):
            await self._check(webhook, payment)

    async def _check(self, webhook: StoredWebhook, payment: Payment) -> None:
        if transition_of(payment.state, payment.reason, Happened.PAID) is None:
            await self._finish(webhook, "unchanged")  # Whatever it says, it would change nothing.
            return
        provider = self._providers[payment.provider]
        provider_id = webhook.event.provider_id or payment.provider_id
        if provider_id is not None:
            checkout = await provider.look_up(provider_id)
        else:
            checkout = await provider.look_up_by_reference(payment)
        confirmed = checkout is not None and checkout.status is CheckoutStatus.PAID
        if webhook.event.claims_paid and not confirmed and webhook.attempts < ALERT_AFTER:
            # What a provider shows may lag behind what it tells, and it tells it once.
            raise ProviderAway("a look at the provider does not show what it says")
        if checkout is None:
            log.warning("webhook.unknown_checkout", webhook_id=str(webhook.id), payment_id=str(payment.id))
            await self._finish(webhook, "ignored")
            return
        async with self._outbox.transaction() as tx:
            after, moved = await paying.record(tx, payment.id, checkout, self._policy)
            outcome = after.state if moved else "unchanged"
            await webhooks.finish(tx, webhook.id, outcome)
        PROCESSED.labels(webhook.provider, outcome).inc()

    async def _refund_news(self, webhook: StoredWebhook) -> None:
        known = await self._refunds.look_all(
            webhook.provider, webhook.event.provider_id, webhook.event.reference
        )
        if not known:
            _alert("webhook.unknown_refund", webhook)  # Made past us: the credits are still the user's.
        await self._finish(webhook, "looked_up" if known else "unknown_refund")

    async def _dispute_news(self, webhook: StoredWebhook) -> None:
        _alert("webhook.dispute", webhook)  # The bank wants the money back, and only a person can answer it.
        await self._finish(webhook, "dispute")

    async def _finish(self, webhook: StoredWebhook, outcome: str) -> None:
        async with self._db.autocommit() as tx:
            await webhooks.finish(tx, webhook.id, outcome)
        PROCESSED.labels(webhook.provider, outcome).inc()

    async def _try_again(self, webhook: StoredWebhook, away: ProviderAway) -> None:
        tries = webhook.attempts + 1
        tell = log.critical if tries % ALERT_AFTER == 0 else log.warning
        tell("webhook.not_confirmed", webhook_id=str(webhook.id), tries=tries, error=str(away))
        async with self._db.autocommit() as tx:
            await webhooks.try_again(tx, webhook.id, webhook_retry_seconds(webhook.attempts))


def _alert(event: str, webhook: StoredWebhook) -> None:
    """For a person, who finds it at the provider by its id there."""
    told = webhook.event
    log.critical(
        event,
        webhook_id=str(webhook.id),
        provider=webhook.provider,
        provider_id=told.provider_id,
        reference=told.reference,
    )
