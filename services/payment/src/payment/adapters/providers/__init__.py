"""Payment providers: what each must be able to do, and those that can."""

from payment.adapters.providers.contract import Provider, Providers
from payment.adapters.providers.paystack import Paystack
from payment.adapters.providers.sandbox import Sandbox
from payment.adapters.providers.stripe import Stripe

__all__ = ["Paystack", "Provider", "Providers", "Sandbox", "Stripe"]
