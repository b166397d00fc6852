"""How a call to a provider, or a call from one, comes to nothing."""

from __future__ import annotations


class ProviderAway(Exception):
    """No answer, or none that decides: whether the provider acted is unknown. Never: it has failed."""


class InvalidWebhook(Exception):
    """Not signed with one of our secrets, too old or too new, or not readable."""
