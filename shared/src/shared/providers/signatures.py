"""Webhooks signed as Standard Webhooks say. Source: standardwebhooks.com."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from shared.providers.errors import InvalidWebhook
from shared.providers.reading import text


class StandardWebhooks:
    """Several secrets verify side by side, so that one can replace another."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Raises ValueError where one cannot be a secret."""
        try:
            self._verifiers = [Webhook(secret) for secret in secrets]
        except EmptyWebhookSecretError:
            raise ValueError("a webhook secret is empty") from None

    def verify(self, headers: Mapping[str, str], body: bytes) -> str:
        """The event's id. ``headers`` have lower-case names, ``body`` is what was signed.

        Raises InvalidWebhook also where it was signed 5 minutes ago, or in as many.
        """
        for verifier in self._verifiers:
            try:
                verifier.verify(body, dict(headers), json_parse=False)
            except (WebhookVerificationError, ValueError):  # The library lets malformed base64 through.
                continue
            if (id_ := text(headers["webhook-id"])) is not None:
                return id_
        raise InvalidWebhook("no secret of ours has signed it in the last 5 minutes")
