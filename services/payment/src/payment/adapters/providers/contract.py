"""What the service asks of a provider. Every call is bounded in time and may be repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from payment.domain.payment import Payment, ProviderRefund
from payment.domain.provider import Checkout, RefundFound, WebhookEvent
from shared.providers.configured import Providers as Configured


class Provider(Protocol):
    """All calls raise ProviderAway where the answer, if any, decides nothing."""

    @property
    def name(self) -> str:
        """As it is stored with a payment and stands in the webhook's path; it never changes."""

    async def make_checkout(self, payment: Payment) -> Checkout:
        """A place to pay. The payment's id is the idempotency key. Raises Declined."""

    async def look_up(self, provider_id: str) -> Checkout | None:
        """None: the provider says that there is none."""

    async def look_up_by_reference(self, payment: Payment) -> Checkout | None:
        """For a payment of which only our reference is known. None: there is provably none."""

    async def expire(self, provider_id: str) -> Checkout | None:
        """Close an unpaid checkout; how it is afterwards. One that cannot be closed there stays open.

        None: the provider says that there is none.
        """

    @property
    def can_expire(self) -> bool:
        """Whether ``expire`` can close a checkout at all."""

    async def refund(self, payment: Payment, refund: ProviderRefund) -> RefundFound:
        """Give money back. The refund's id is the idempotency key. Raises Declined."""

    async def look_up_refund(self, payment: Payment, refund: ProviderRefund) -> RefundFound | None:
        """None: the provider says that there is none."""

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        """Whose news it is. ``headers`` have lower-case names. Raises InvalidWebhook."""

    async def close(self) -> None:
        """Give its connections back."""


Providers = Configured[Provider]
