"""Providers' webhooks: who signed it is who may send it; there is no other login."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from shared.http.openapi import SIGNED_BODY, refusals
from shared.http.problems import Problem, not_found
from shared.observability.logs import get_logger
from shared.providers.errors import InvalidWebhook
from verification.handlers.telling import receive
from verification.handlers.trade import Trade

log = get_logger(__name__)


def webhook_router(trade: Trade, nudge: Callable[[], None]) -> APIRouter:
    router = APIRouter(prefix="/webhooks", tags=["webhooks"])

    @router.post(
        "/{provider}",
        status_code=204,
        responses=refusals(invalid_signature=401),
        openapi_extra=SIGNED_BODY,
    )
    async def receive_webhook(provider: str, request: Request) -> Response:
        """Taken once stored; repeated, it is taken again and changes nothing."""
        known = trade.providers.get(provider)
        if known is None:
            raise not_found("provider")
        body = await request.body()  # The very bytes that were signed.
        try:
            new = await receive(trade, known, body, request.headers)
        except InvalidWebhook as invalid:
            log.warning("webhook.refused", provider=provider, why=str(invalid))
            raise Problem(401, "invalid_signature", "The webhook is not signed as agreed.") from None
        if new:
            nudge()
        return Response(status_code=204)

    return router
