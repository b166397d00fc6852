"""Providers' webhooks over HTTP: verified on the raw bytes, stored, answered; the rest happens afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from payment.adapters.providers import Provider
from payment.handlers import webhooks
from shared.http.openapi import SIGNED_BODY, refusals
from shared.http.problems import Problem, not_found
from shared.observability.logs import get_logger
from shared.providers.errors import InvalidWebhook

if TYPE_CHECKING:
    from shared.db import Database

log = get_logger(__name__)


def webhook_routes(db: Database, providers: Mapping[str, Provider], nudge: Callable[[], None]) -> APIRouter:
    router = APIRouter(prefix="/webhooks", tags=["webhooks"])

    @router.post(
        "/{provider}",
        status_code=200,
        response_class=Response,
        responses=refusals(invalid_signature=401),
        openapi_extra=SIGNED_BODY,
    )
    async def receive_webhook(provider: str, request: Request) -> Response:
        """From a provider only. A repetition is answered like the first one."""
        if provider not in providers:
            raise not_found("provider")
        body = await request.body()
        try:
            event = providers[provider].verify_webhook(request.headers, body)
        except InvalidWebhook:
            log.warning("webhook.refused", provider=provider)
            raise Problem(401, "invalid_signature", "The signature does not verify.") from None
        if await webhooks.receive(db, provider, event):
            nudge()
        return Response(status_code=200)

    return router
