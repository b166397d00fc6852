"""Requests in: users' payments, and providers' webhooks."""

from payment.api.payments import payment_routes
from payment.api.webhooks import webhook_routes

__all__ = ["payment_routes", "webhook_routes"]
