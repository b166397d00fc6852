"""Makes the secrets of a compose system, a folder for each container; what exists is kept."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from shared.http.auth import OPERATOR, SERVICE, USER
from shared.testing.identities import KeyPair, auth_keys

# The names under which docker-compose.yml runs them.
POSTGRES = "postgres:5432"
BROKER = "rabbitmq:5672"
MANAGEMENT = "rabbitmq:15672"
VHOST = "ledgerbell"
ADMINISTRATOR = "ledgerbell-administrator"  # Naming another keeps RabbitMQ from making its guest.

DATABASES = ("credit", "payment", "refund", "verification", "monitor", "notifier")
GATEWAY = "ws-gateway"
NOTIFIER = "notifier"
DEMO = "demo"
SIGN_IN = "demo-sign-in"  # The id of the key with which the gateway signs demo users in.
# Who signs a token of its own, and who believes it.
CALLED = {"credit": ("payment", "refund", "verification"), NOTIFIER: (GATEWAY,)}
# Which of our services a sandbox is the provider of.
SANDBOXES = {"sandbox-payments": "payment", "sandbox-sms": "verification"}

# Each folder is the volume of one container, and each container has a user of its own.
FILE_MODE = 0o444


def make_secrets(into: Path, *, demo: bool = False) -> None:
    """Fill ``into`` with one folder for each container, making what is missing; safe to repeat.

    Only with ``demo`` does anything sign users in without asking who they are, or believe what it signs.
    """
    prepare = into / "prepare"
    postgres = _kept(into / "postgres" / "postgres_password", _password)
    rabbitmq = _kept(into / "rabbitmq" / "password", _password)
    _write(
        into / "rabbitmq" / "rabbitmq.conf", f"default_user = {ADMINISTRATOR}\ndefault_pass = {rabbitmq}\n"
    )
    _setting(prepare, "postgres_url", f"postgresql://postgres:{postgres}@{POSTGRES}/postgres")
    _setting(prepare, "rabbitmq_management_url", f"http://{ADMINISTRATOR}:{rabbitmq}@{MANAGEMENT}")
    for service in (*DATABASES, GATEWAY):
        name = service.replace("-", "_")
        password = _kept(_file(prepare, f"{name}_broker_password"), _password)
        _setting(into / service, "broker_url", f"amqp://{service}:{password}@{BROKER}/{VHOST}")
    for service in DATABASES:
        password = _kept(_file(prepare, f"{service}_database_password"), _password)
        _kept(_file(prepare, f"{service}_owner_password"), _password)
        _setting(into / service, "database_url", f"postgresql://{service}:{password}@{POSTGRES}/{service}")
    _kept(_file(into / GATEWAY, "ticket_secret"), _password)
    signing = KeyPair.of(_kept(_file(into / NOTIFIER, "trail_key"), _private_key))
    _write(into / DEMO / "trail_key.pub", signing.public)  # Whoever verifies evidence needs it.
    _make_keys(into, demo=demo)
    for sandbox, service in SANDBOXES.items():
        # One for both, so that the demo needs to know only one.
        api_key = _kept(into / DEMO / "sandbox_api_key", _password)
        _write(into / sandbox / "sandbox_api_key", api_key)
        _setting(into / service, "sandbox_api_key", api_key)
        webhook = _kept(into / sandbox / "sandbox_webhook_secret", webhook_secret)
        _setting(into / service, "sandbox_webhook_secrets", webhook)


def _make_keys(into: Path, *, demo: bool) -> None:
    """Who signs what: the demo stands in for an identity provider, services sign for themselves."""
    people = [KeyPair.of(_kept(into / DEMO / "key.pem", _private_key)).verifier(DEMO, [USER, OPERATOR])]
    sign_in = _file(into / GATEWAY, "demo_sign_in_key")
    if demo:
        people.append(KeyPair.of(_kept(sign_in, _private_key)).verifier(SIGN_IN, [USER]))
    else:
        sign_in.unlink(missing_ok=True)
    for service in (*DATABASES, GATEWAY):
        callers = [
            KeyPair.of(_kept(_file(into / caller, "service_key"), _private_key)).verifier(caller, [SERVICE])
            for caller in CALLED.get(service, ())
        ]
        _setting(into / service, "auth_keys", auth_keys(*people, *callers))


def _private_key() -> str:
    return KeyPair.generate().private


def _password() -> str:
    return secrets.token_hex(32)  # Hex needs no quoting, in a URL or in rabbitmq.conf.


def webhook_secret() -> str:
    """A secret as Standard Webhooks have it."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def _file(folder: Path, setting: str) -> Path:
    return folder / f"ledgerbell_{setting}"


def _setting(folder: Path, setting: str, value: str) -> None:
    _write(_file(folder, setting), value)


def _kept(file: Path, make: Callable[[], str]) -> str:
    if not file.exists():
        _write(file, make())
    return file.read_text()


def _write(file: Path, text: str) -> None:
    """Whole or not at all: a job that is cut off leaves nothing that the next one would keep."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(text)
    draft.chmod(FILE_MODE)
    draft.replace(file)
