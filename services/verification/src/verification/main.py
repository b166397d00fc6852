"""Puts the verification service together and runs it; it starts, and waits, without database or broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import httpx
from pydantic import Field

from shared.db import Database
from shared.db.errands import Errands
from shared.events import exchange_of
from shared.events.verification import VerificationInitiated
from shared.http import Keyring, Workers, create_app, serve
from shared.http.auth import ServiceToken
from shared.http.credit import Credit, credit_client
from shared.messaging.connection import keep_checking
from shared.messaging.vitals import Vitals
from shared.observability.logs import get_logger
from shared.outbox import Outbox
from shared.pace import JANITOR_SECONDS
from shared.pages import InvalidCursor
from shared.providers.configured import Providers
from shared.settings import DatabaseSettings
from verification.adapters import tables
from verification.adapters.assortment import SHIPPED, read_services
from verification.adapters.providers import FiveSim, Provider, Sandbox, fivesim
from verification.api import verifications, webhook_router
from verification.domain.pace import QUICK_SECONDS, Pace
from verification.domain.services import Assortment
from verification.handlers import errand, telling
from verification.handlers.requesting import Requesting
from verification.handlers.trade import Trade

if TYPE_CHECKING:
    from uuid import UUID

    from fastapi import FastAPI
    from starlette.types import Lifespan

log = get_logger(__name__)

SERVICE = "verification"
Works: TypeAlias = Mapping[str, Callable[[], Awaitable[None]]]
EXCHANGE = exchange_of(VerificationInitiated.TYPE)


class Settings(DatabaseSettings):
    """A provider is there once its address and key, or its token, are set."""

    credit_url: str
    service_key: str = Field(repr=False)
    services_file: Path = SHIPPED
    max_active: int = Field(default=20, ge=1)
    deadline_seconds: float = Field(default=600, gt=0)
    poll_seconds: float = Field(default=5, gt=0)
    quick_steps_seconds: tuple[float, ...] = Field(default=QUICK_SECONDS, min_length=1)
    janitor_steps_seconds: tuple[float, ...] = Field(default=JANITOR_SECONDS, min_length=1)
    sandbox_url: str = ""
    sandbox_api_key: str = Field(default="", repr=False)
    sandbox_webhook_secrets: str = Field(default="", repr=False)  # Several, during rotation, with commas.
    sandbox_minimum_cancel_age_seconds: float = Field(default=0, ge=0)
    fivesim_token: str = Field(default="", repr=False)
    fivesim_url: str = fivesim.URL

    @property
    def pace(self) -> Pace:
        return Pace(
            deadline=self.deadline_seconds,
            poll=self.poll_seconds,
            steps=self.quick_steps_seconds + self.janitor_steps_seconds,
        )


class NoProvider(ValueError):
    """Nobody to buy numbers from; the message names the settings that are missing."""


def configured(settings: Settings) -> Providers[Provider]:
    """The providers whose settings are there, by name. Raises NoProvider without any, or for half a one."""
    providers: list[Provider] = []
    if settings.fivesim_token:
        providers.append(FiveSim(settings.fivesim_token, settings.fivesim_url))
    if settings.sandbox_url:
        secrets = [
            secret for given in settings.sandbox_webhook_secrets.split(",") if (secret := given.strip())
        ]
        if not settings.sandbox_api_key or not secrets:
            raise NoProvider(
                "with LEDGERBELL_SANDBOX_URL go LEDGERBELL_SANDBOX_API_KEY"
                " and LEDGERBELL_SANDBOX_WEBHOOK_SECRETS"
            )
        try:
            sandbox = Sandbox(
                settings.sandbox_url,
                settings.sandbox_api_key,
                secrets,
                minimum_cancel_age_seconds=settings.sandbox_minimum_cancel_age_seconds,
            )
        except ValueError:
            raise NoProvider("LEDGERBELL_SANDBOX_WEBHOOK_SECRETS: whsec_ and base64, with commas") from None
        tell = log.critical if providers else log.warning
        tell(
            "provider.sandbox",
            beside=[provider.name for provider in providers],
            hint="whoever reaches the sandbox makes up its codes",
        )
        providers.append(sandbox)
    if not providers:
        raise NoProvider("set LEDGERBELL_FIVESIM_TOKEN or LEDGERBELL_SANDBOX_URL")
    return named(providers)


def named(providers: Iterable[Provider]) -> Providers[Provider]:
    return Providers({provider.name: provider for provider in providers})


def build(
    settings: Settings,
    *,
    providers: Iterable[Provider] | None = None,
    credit_http: httpx.AsyncClient | None = None,
) -> FastAPI:
    """The service's app. Raises ValueError where it must not start with these settings."""
    keyring = Keyring.from_json(settings.auth_keys)
    http = credit_http or credit_client(settings.credit_url)
    known = configured(settings) if providers is None else named(providers)
    assortment = Assortment(read_services(settings.services_file), known)
    trade, errands = trade_of(settings, known, http)
    hints = Errands(trade.db, tables.webhook, partial(telling.process, trade), lane="provider")
    preflight = partial(keep_checking, settings.broker_url, SERVICE, exchanges=(EXCHANGE,))
    works: Works = {
        "errands": errands.run,
        "webhooks": hints.run,
        "preflight": preflight,
        "vitals": Vitals(settings.broker_url, SERVICE).run,
    }

    return create_app(
        "Ledgerbell verification",
        keyring=keyring,
        routers=[
            verifications(trade, assortment, Requesting(trade, settings.max_active)),
            webhook_router(trade, hints.nudge),
        ],
        lifespan=_lifespan(trade, http, {**trade.outbox.works, **works}),
        problems={InvalidCursor: (422, "invalid_cursor")},
        # Neither the broker nor credit is among them: what is under way goes on, or waits, without them.
        ready={"database": trade.db.probe},
    )


def trade_of(
    settings: Settings, providers: Providers[Provider], credit_http: httpx.AsyncClient
) -> tuple[Trade, Errands]:
    """What the use cases work with, and the errands that come back to them."""
    db = Database(settings.database_url, application=SERVICE, pool_size=settings.database_pool_size)

    async def run_errand(id_: UUID) -> None:
        await errand.do(trade, id_)

    errands = Errands(db, tables.verification, run_errand, lane="provider")
    outbox = Outbox(db, settings.broker_url, SERVICE, recap_after_seconds=settings.recap_after_seconds)
    credit = Credit(credit_http, ServiceToken(SERVICE, settings.service_key))
    trade = Trade(db, outbox, credit, providers, settings.pace, errands.nudge)
    return trade, errands


def _lifespan(trade: Trade, credit_http: httpx.AsyncClient, works: Works) -> Lifespan[FastAPI]:
    workers = Workers()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await trade.db.connect()
        for name, work in works.items():
            workers.start(name, work)
        try:
            yield
        finally:
            await workers.stop()
            for provider in trade.providers.values():
                await provider.close()
            await credit_http.aclose()
            await trade.db.close()

    return lifespan


def main() -> None:
    serve(build, SERVICE, Settings)
