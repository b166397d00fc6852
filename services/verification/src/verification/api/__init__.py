"""Requests in: who may ask, what may be asked, and how the answer looks."""

from verification.api.verifications import verifications
from verification.api.webhooks import webhook_router

__all__ = ["verifications", "webhook_router"]
