"""An SMS provider: numbers to buy for one service each, the SMS that reach them, and webhooks about both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.app import create_app
from sandbox.foundation import Foundation
from sandbox.sms import api, pages
from sandbox.sms.faults import FAULTS
from sandbox.sms.provider import SmsProvider

if TYPE_CHECKING:
    from fastapi import FastAPI

    from sandbox.settings import Settings


def build(settings: Settings, public_url: str) -> FastAPI:
    """The provider's app; it gives out no links, so ``public_url`` is not its concern."""
    del public_url
    foundation = Foundation("Sandbox SMS", settings, FAULTS)
    provider = SmsProvider(foundation)
    return create_app(foundation, provider, api.router, pages.router)
