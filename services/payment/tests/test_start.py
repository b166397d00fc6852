"""How the service starts: with the providers that are configured, or not, and says what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from payment.consumers import subscriptions
from payment.main import NoProvider, Settings, build, configured
from services.payment.tests.desk import POLICY
from shared.messaging.topology import SUBSCRIBED

if TYPE_CHECKING:
    from shared.testing.identities import KeyPair

SECRET = "whsec_" + "bmV3" * 8
SANDBOX = {"sandbox_url": "http://s", "sandbox_api_key": "k", "sandbox_webhook_secrets": SECRET}
STRIPE = {"stripe_api_key": "sk", "stripe_webhook_secrets": "a,b", "return_url": "https://shop.test"}
PAYSTACK = {"paystack_secret_keys": "sk_1, sk_2", "paystack_email_domain": "shop.test"}


def settings(**given: Any) -> Settings:
    known = {
        "database_url": "postgresql://127.0.0.1:1/none",
        "broker_url": "amqp://127.0.0.1:1/none",
        "auth_keys": "[]",
        "credit_url": "http://127.0.0.1:1",
        "service_key": "a-private-key",
    }
    return Settings(**known | given)


def test_without_a_provider_it_does_not_start() -> None:
    with pytest.raises(NoProvider, match="LEDGERBELL_STRIPE_API_KEY"):
        configured(settings())


@pytest.mark.parametrize("whole", [SANDBOX, STRIPE, PAYSTACK])
def test_a_provider_that_is_half_configured_stops_the_start(whole: dict[str, str]) -> None:
    first, *others = whole
    assert list(configured(settings(**whole)))
    for missing in others:
        for nothing in ("", " , "):
            with pytest.raises(NoProvider, match=missing.upper()) as refused:
                configured(settings(**whole | {missing: nothing}))
            assert first.upper() in str(refused.value)
            assert "whsec" not in str(refused.value)


async def test_the_first_of_the_configured_is_the_default() -> None:
    providers = configured(settings(**SANDBOX | STRIPE | PAYSTACK))

    assert list(providers) == ["stripe", "paystack", "sandbox"]
    for provider in providers.values():
        await provider.close()


@pytest.mark.parametrize(
    ("given", "levels"),
    [
        (STRIPE | PAYSTACK, []),
        (SANDBOX, ["warning"]),
        (SANDBOX | PAYSTACK, ["critical"]),
    ],
)
def test_a_sandbox_is_said_and_beside_a_real_provider_it_is_an_alert(
    given: dict[str, str], levels: list[str]
) -> None:
    with capture_logs() as lines:
        configured(settings(**given))

    assert [line["log_level"] for line in lines if line["event"] == "provider.sandbox"] == levels


def test_an_unusable_webhook_secret_stops_the_start() -> None:
    for secret in ("whsec_", "whsec_a"):
        with pytest.raises(NoProvider, match="LEDGERBELL_SANDBOX_WEBHOOK_SECRETS"):
            configured(settings(**SANDBOX | {"sandbox_webhook_secrets": secret}))


def test_no_secret_is_shown_by_the_settings(service_key: KeyPair) -> None:
    shown = repr(settings(**SANDBOX | STRIPE | PAYSTACK | {"service_key": service_key.private}))

    for secret in (SECRET, "sk_1", "a,b", "PRIVATE KEY", "'k'"):
        assert secret not in shown


@pytest.mark.parametrize(
    "wrong",
    [
        {"janitor_steps_seconds": ()},
        {"provider_timeout_seconds": 9},
        {"checkout_seconds": 0},
        {"max_open_payments": 0},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)


def test_the_steps_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGERBELL_JANITOR_STEPS_SECONDS", "[1, 2.5]")

    assert settings().janitor_steps_seconds == (1, 2.5)


def test_a_weak_key_stops_the_start() -> None:
    with pytest.raises(ValueError, match="no key is configured"):
        build(settings(**SANDBOX))


def test_it_hears_exactly_what_its_queue_is_bound_to() -> None:
    assert set(subscriptions(POLICY)) == set(SUBSCRIBED["payment"])
