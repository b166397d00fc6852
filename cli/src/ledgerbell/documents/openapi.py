"""OpenAPI of every service, from its app as ``build`` puts it together; nothing is connected to."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ledgerbell.secrets import webhook_secret
from ledgerbell.stack import MODULES
from shared.testing.identities import Issuer, KeyPair, auth_keys

SERVICES = tuple(MODULES)


def service_document(service: str) -> dict[str, Any]:
    """The document of the service's app."""
    main = import_module(f"{MODULES[service]}.main")
    document: dict[str, Any] = main.build(main.Settings(**_settings())).openapi()
    return document


def _settings() -> dict[str, str]:
    """Enough to build any app with; each takes what it knows. No document depends on a value."""
    pair = KeyPair.generate()
    return {
        "broker_url": "amqp://nowhere",
        "database_url": "postgresql://nowhere",
        "auth_keys": auth_keys(Issuer(pair).key()),
        "service_key": pair.private,
        "ticket_secret": "-" * 64,
        "trail_key": pair.private,
        "allowed_origins": "",
        **{f"{service}_url": "http://nowhere" for service in (*MODULES, "sandbox")},
        "sandbox_api_key": "-",
        "sandbox_webhook_secrets": webhook_secret(),
    }
