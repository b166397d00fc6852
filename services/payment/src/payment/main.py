"""Puts the payment service together and runs it; it starts, and waits, without database or broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import Field

from payment.adapters.providers import Paystack, Provider, Providers, Sandbox, Stripe
from payment.adapters.providers.paystack import URL as PAYSTACK_URL
from payment.adapters.providers.stripe import URL as STRIPE_URL
from payment.adapters.tables import payment, provider_refund, webhook
from payment.api import payment_routes, webhook_routes
from payment.consumers import subscriptions
from payment.domain.policy import Policy
from payment.handlers.checkouts import Checkouts
from payment.handlers.janitor import Janitor
from payment.handlers.refunding import Refunds
from payment.handlers.webhooks import Webhooks
from shared.db import Database
from shared.db.errands import Errands
from shared.events import exchange_of
from shared.events.letter import LetterDiscarded
from shared.events.payment import PaymentSucceeded
from shared.http import Keyring, Workers, create_app, serve
from shared.http.auth import ServiceToken
from shared.http.credit import Credit, credit_client
from shared.http.dead_letters import dead_letters
from shared.inbox import RepairRequests, Subscriber, tell_kept
from shared.messaging.connection import keep_checking
from shared.messaging.topology import coverage_queue, service_queues
from shared.money import InvalidAmount, UnknownCurrency
from shared.observability.logs import get_logger
from shared.outbox import Outbox
from shared.pace import JANITOR_SECONDS
from shared.pages import InvalidCursor
from shared.settings import DatabaseSettings

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Lifespan

log = get_logger(__name__)

SERVICE = "payment"
EXCHANGES = (exchange_of(PaymentSucceeded.TYPE), exchange_of(LetterDiscarded.TYPE))
PROBLEMS: dict[type[Exception], tuple[int, str]] = {
    InvalidAmount: (422, "invalid_amount"),
    UnknownCurrency: (422, "unknown_currency"),
    InvalidCursor: (422, "invalid_cursor"),
}


class NoProvider(ValueError):
    """No provider can be used as the settings are; the message says what is missing."""


class Settings(DatabaseSettings):
    """A provider is there once its settings are. Secrets are lists, separated by commas."""

    sandbox_url: str = ""
    sandbox_api_key: str = Field("", repr=False)
    sandbox_webhook_secrets: str = Field("", repr=False)
    stripe_api_key: str = Field("", repr=False)
    stripe_webhook_secrets: str = Field("", repr=False)
    stripe_url: str = STRIPE_URL
    paystack_secret_keys: str = Field("", repr=False)
    paystack_email_domain: str = ""
    paystack_url: str = PAYSTACK_URL
    return_url: str | None = None
    credit_url: str
    service_key: str = Field(repr=False)
    provider_timeout_seconds: Annotated[float, Field(gt=0, le=8)] = 8.0
    janitor_steps_seconds: Annotated[tuple[float, ...], Field(min_length=1)] = JANITOR_SECONDS
    checkout_seconds: Annotated[float, Field(gt=0)] = 1800
    min_amount: Decimal = Decimal("1")
    max_amount: Decimal = Decimal("10000")
    max_open_payments: Annotated[int, Field(ge=1)] = 20

    def policy(self) -> Policy:
        return Policy(
            janitor_steps_seconds=self.janitor_steps_seconds,
            checkout_seconds=self.checkout_seconds,
            call_seconds=self.provider_timeout_seconds,
            min_amount=self.min_amount,
            max_amount=self.max_amount,
            max_open=self.max_open_payments,
        )


def configured(settings: Settings) -> Providers:
    """The providers by name, the first one being the default. Raises NoProvider."""
    found = [make(settings) for make in (_stripe, _paystack, _sandbox)]
    providers = Providers({provider.name: provider for provider in found if provider is not None})
    if not providers:
        raise NoProvider(
            "no payment provider is configured: set LEDGERBELL_STRIPE_API_KEY,"
            " LEDGERBELL_PAYSTACK_SECRET_KEYS or LEDGERBELL_SANDBOX_URL"
        )
    if Sandbox.name in providers:
        real = [name for name in providers if name != Sandbox.name]
        tell = log.critical if real else log.warning
        tell("provider.sandbox", beside=real, hint="whoever reaches the sandbox pays with nothing")
    return providers


def _stripe(settings: Settings) -> Provider | None:
    if not settings.stripe_api_key:
        return None
    _need(settings, "stripe_api_key", "stripe_webhook_secrets", "return_url")
    return Stripe(
        settings.stripe_api_key,
        _listed(settings.stripe_webhook_secrets),
        seconds=settings.provider_timeout_seconds,
        return_url=settings.return_url or "",
        url=settings.stripe_url,
    )


def _paystack(settings: Settings) -> Provider | None:
    if not settings.paystack_secret_keys:
        return None
    _need(settings, "paystack_secret_keys", "paystack_email_domain")
    return Paystack(
        _listed(settings.paystack_secret_keys),
        email_domain=settings.paystack_email_domain,
        seconds=settings.provider_timeout_seconds,
        return_url=settings.return_url,
        url=settings.paystack_url,
    )


def _sandbox(settings: Settings) -> Provider | None:
    if not settings.sandbox_url:
        return None
    _need(settings, "sandbox_url", "sandbox_api_key", "sandbox_webhook_secrets")
    try:
        return Sandbox(
            settings.sandbox_url,
            settings.sandbox_api_key,
            _listed(settings.sandbox_webhook_secrets),
            seconds=settings.provider_timeout_seconds,
            return_url=settings.return_url,
        )
    except ValueError:
        raise NoProvider("LEDGERBELL_SANDBOX_WEBHOOK_SECRETS are whsec_ and base64 each") from None


def _need(settings: Settings, given: str, *names: str) -> None:
    """A URL or a key alone is a mistake: webhooks that cannot be verified would be refused one and all."""
    missing = [name for name in names if not str(getattr(settings, name) or "").strip(" ,")]
    if missing:
        named = ", ".join(f"LEDGERBELL_{name.upper()}" for name in missing)
        raise NoProvider(f"LEDGERBELL_{given.upper()} is set, but it needs {named} too")


def _listed(secrets: str) -> list[str]:
    return [secret.strip() for secret in secrets.split(",") if secret.strip()]


def build(settings: Settings) -> FastAPI:
    """The service's app. Raises WeakKey when a token key must not be used, and NoProvider."""
    return assemble(settings, configured(settings))


def assemble(settings: Settings, providers: Providers) -> FastAPI:
    """The same with given providers."""
    keyring = Keyring.from_json(settings.auth_keys)
    policy = settings.policy()
    db = Database(settings.database_url, application=SERVICE, pool_size=settings.database_pool_size)
    outbox = Outbox(db, settings.broker_url, SERVICE, recap_after_seconds=settings.recap_after_seconds)
    credit_http = credit_client(settings.credit_url)
    credit = Credit(credit_http, ServiceToken(SERVICE, settings.service_key))
    refunds = Refunds(outbox, providers, policy)
    # A provider that hangs must not hold up the others' payments; a refund's is that of its payment.
    provider_of_refund = "(SELECT provider FROM payment WHERE id = provider_refund.payment_id)"
    looks = Errands(db, payment, Janitor(outbox, providers, credit, policy).look, lane="provider")
    refund_looks = Errands(db, provider_refund, refunds.look, lane=provider_of_refund)
    news = Errands(db, webhook, Webhooks(outbox, db, providers, refunds, policy).process, lane="provider")
    heard = subscriptions(policy)
    subscriber = Subscriber(outbox, db.probe, settings.broker_url, SERVICE, heard, handled=refund_looks.nudge)
    requests = RepairRequests(outbox, db.probe, settings.broker_url, SERVICE, tell_kept)
    works = outbox.works | subscriber.works | requests.works
    works |= {"payments": looks.run, "refunds": refund_looks.run, "webhooks": news.run}
    queues = (*service_queues(SERVICE), coverage_queue(SERVICE))
    works["preflight"] = partial(
        keep_checking, settings.broker_url, SERVICE, exchanges=EXCHANGES, queues=queues
    )
    routers = [
        payment_routes(db, Checkouts(outbox, providers, policy, looks.nudge), credit, tuple(providers)),
        webhook_routes(db, providers, news.nudge),
        dead_letters(SERVICE, subscriber.letters),
    ]
    closing = [*(provider.close for provider in providers.values()), credit_http.aclose]
    return create_app(
        "Ledgerbell payment",
        keyring=keyring,
        routers=routers,
        lifespan=_lifespan(db, works, closing),
        problems=PROBLEMS,
        # The broker is not among them: payments go on without it, and its state is a metric.
        ready={"database": db.probe},
    )


Work: TypeAlias = Callable[[], Awaitable[None]]


def _lifespan(db: Database, works: Mapping[str, Work], closing: Sequence[Work]) -> Lifespan[FastAPI]:
    workers = Workers()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await db.connect()
        for name, work in works.items():
            workers.start(name, work)
        try:
            yield
        finally:
            await workers.stop()
            for close in closing:
                await close()
            await db.close()

    return lifespan


def main() -> None:
    serve(build, SERVICE, Settings, unfit=(NoProvider,))
