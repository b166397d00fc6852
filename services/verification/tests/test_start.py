"""How the service starts: with the providers that are configured, or not, and says what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from shared.providers.errors import ProviderAway
from verification.main import NoProvider, configured

if TYPE_CHECKING:
    from verification.main import Settings

SECRET = "whsec_" + "bmV3" * 8  # Opens nothing but tests.
SANDBOX = {"sandbox_url": "http://s", "sandbox_api_key": "k", "sandbox_webhook_secrets": SECRET}


def settings(known: Settings, **given: Any) -> Settings:
    return type(known)(**known.model_dump() | given)


def test_without_a_provider_it_does_not_start(verification_settings: Settings) -> None:
    with pytest.raises(NoProvider, match="LEDGERBELL_FIVESIM_TOKEN or LEDGERBELL_SANDBOX_URL"):
        configured(verification_settings)


@pytest.mark.parametrize(
    ("missing", "nothing"),
    [("sandbox_api_key", ""), ("sandbox_webhook_secrets", ""), ("sandbox_webhook_secrets", " , ")],
)
def test_a_provider_that_is_half_configured_stops_the_start(
    verification_settings: Settings, missing: str, nothing: str
) -> None:
    with pytest.raises(NoProvider, match=missing.upper()) as refused:
        configured(settings(verification_settings, **SANDBOX | {missing: nothing}))
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "levels"),
    [
        ({"fivesim_token": "t"}, []),
        (SANDBOX, ["warning"]),
        (SANDBOX | {"fivesim_token": "t"}, ["critical"]),
    ],
)
async def test_a_sandbox_is_said_and_beside_a_real_provider_it_is_an_alert(
    verification_settings: Settings, given: dict[str, str], levels: list[str]
) -> None:
    with capture_logs() as lines:
        providers = configured(settings(verification_settings, **given))

    assert [line["log_level"] for line in lines if line["event"] == "provider.sandbox"] == levels
    for provider in providers.values():
        await provider.close()


@pytest.mark.parametrize("secret", ["whsec_ä", "whsec_", "whsec_%%%"])
def test_an_unusable_webhook_secret_stops_the_start_and_is_not_told(
    verification_settings: Settings, secret: str
) -> None:
    given = settings(verification_settings, **SANDBOX | {"sandbox_webhook_secrets": f"{SECRET},{secret}"})
    with pytest.raises(NoProvider, match="WEBHOOK_SECRETS") as refused:
        configured(given)
    assert secret not in str(refused.value).replace("whsec_ and base64", "")


async def test_those_that_are_configured_are_there_by_name(
    verification_settings: Settings,
) -> None:
    given = settings(
        verification_settings, **SANDBOX, fivesim_token="t", sandbox_minimum_cancel_age_seconds=120
    )

    providers = configured(given)

    assert list(providers) == ["fivesim", "sandbox"]
    assert providers["sandbox"].minimum_cancel_age_seconds == 120
    with pytest.raises(ProviderAway, match="gone is not configured"):
        providers["gone"]
    for provider in providers.values():
        await provider.close()
