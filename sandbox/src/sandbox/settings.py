"""Settings from ``SANDBOX_*`` variables or files; what is missing or unusable is said in one sentence."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

SECRETS = Path("/run/secrets")
PORTS = {"payments": 8091, "sms": 8092}

T = TypeVar("T", int, float)


class UnusableSettings(Exception):
    """The sandbox cannot start like this; the message says which setting to mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one provider is told from outside; times are in seconds."""

    host: str = "127.0.0.1"
    port: int = 0
    api_key: str = field(repr=False)
    webhook_url: str = ""
    webhook_secret: str = field(default="", repr=False)
    public_url: str = ""
    seed: int | None = None
    checkout_seconds: float = 1800
    order_seconds: float = 900
    min_cancel_seconds: float = 0
    auto_sms_seconds: float | None = None
    answer_hold_seconds: float = 30  # So long a played time-out lasts, where the caller does not go before.
    webhook_hold_seconds: float = 1  # So long a webhook waits to be overtaken.
    webhook_retry_seconds: tuple[float, ...] = (0.2, 0.5, 1, 2, 5, 10, 30, 60, 120)

    def __post_init__(self) -> None:
        if not self.api_key:
            raise UnusableSettings("SANDBOX_API_KEY is missing: callers send it as their bearer token.")
        if self.webhook_url:
            _check_url("SANDBOX_WEBHOOK_URL", self.webhook_url)
            _check_secret(self.webhook_secret)
        if self.public_url:
            _check_url("SANDBOX_PUBLIC_URL", self.public_url)


def read_settings(service: str, environ: Mapping[str, str], secrets: Path = SECRETS) -> Settings:
    """The settings of ``payments`` or ``sms``. Raises UnusableSettings."""
    source = _Source(environ, secrets)
    return Settings(
        host=source.text("host", "127.0.0.1"),
        port=source.number("port", int, PORTS[service]),
        api_key=source.text("api_key", ""),
        webhook_url=source.text("webhook_url", ""),
        webhook_secret=source.text("webhook_secret", ""),
        public_url=source.text("public_url", "").rstrip("/"),
        seed=source.maybe_number("seed", int),
        checkout_seconds=source.number("checkout_seconds", float, 1800.0),
        order_seconds=source.number("order_seconds", float, 900.0),
        min_cancel_seconds=source.number("min_cancel_seconds", float, 0.0),
        auto_sms_seconds=source.maybe_number("auto_sms_seconds", float),
    )


class _Source:
    def __init__(self, environ: Mapping[str, str], secrets: Path) -> None:
        self._environ = environ
        self._secrets = secrets

    def text(self, name: str, default: str) -> str:
        # Compose passes a variable its caller has not set as an empty one: that is not set either.
        given = self._environ.get(f"SANDBOX_{name.upper()}", "").strip()
        if given:
            return given
        try:
            return (self._secrets / f"sandbox_{name}").read_text().strip() or default
        except FileNotFoundError:
            return default
        except (OSError, UnicodeError) as error:
            raise UnusableSettings(f"{self._secrets / f'sandbox_{name}'} is not readable: {error}") from error

    def maybe_number(self, name: str, kind: Callable[[str], T]) -> T | None:
        given = self.text(name, "")
        if not given:
            return None
        try:
            number = kind(given)
        except ValueError:
            number = kind("-1")
        if not 0 <= number < 2**31:
            raise UnusableSettings(f"SANDBOX_{name.upper()} is not a number from 0 on.")
        return number

    def number(self, name: str, kind: Callable[[str], T], default: T) -> T:
        given = self.maybe_number(name, kind)
        return default if given is None else given


def _check_url(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UnusableSettings(f"{name} is not an http or https URL.")


def _check_secret(secret: str) -> None:
    if not secret:
        raise UnusableSettings(
            "SANDBOX_WEBHOOK_SECRET is missing: with a SANDBOX_WEBHOOK_URL, webhooks are signed."
        )
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    # The length is the one the Standard Webhooks specification asks for.
    if not secret.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise UnusableSettings("SANDBOX_WEBHOOK_SECRET is not whsec_ and the base64 of 24 to 64 bytes.")
