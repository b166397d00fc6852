"""A payment provider: checkouts that a person pays on its page, refunds, and webhooks about both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.app import create_app
from sandbox.foundation import Foundation
from sandbox.payments import api, pages
from sandbox.payments.faults import FAULTS
from sandbox.payments.provider import PaymentProvider

if TYPE_CHECKING:
    from fastapi import FastAPI

    from sandbox.settings import Settings


def build(settings: Settings, public_url: str) -> FastAPI:
    """The provider's app; ``public_url`` is the base of its checkout links."""
    foundation = Foundation("Sandbox payments", settings, FAULTS)
    provider = PaymentProvider(foundation, public_url)
    return create_app(foundation, provider, api.router, pages.router)
