"""The gateway, as an operator asks it."""

from __future__ import annotations

import httpx
from pydantic import Field
from pydantic_settings import BaseSettings

from shared.settings import ServiceSettings

# The gateway answers before that, if only that it does not know.
ANSWER_SECONDS = 30


class GatewayRefused(Exception):
    """The gateway, or a service behind it, said no; the message says why and what to do."""


class OperatorSettings(BaseSettings):
    """Where the gateway is, and a token with the role ``operator``."""

    model_config = ServiceSettings.model_config

    gateway_url: str = "http://127.0.0.1:8080"
    operator_token: str = Field(repr=False)


def client(settings: OperatorSettings, *, seconds: float = ANSWER_SECONDS) -> httpx.Client:
    """Its requests raise httpx.HTTPError where the gateway cannot be reached."""
    headers = {"authorization": f"Bearer {settings.operator_token}"}
    return httpx.Client(base_url=settings.gateway_url, headers=headers, trust_env=False, timeout=seconds)


def answered(answer: httpx.Response) -> httpx.Response:
    """The answer. Raises GatewayRefused for one that is a refusal."""
    if answer.is_error:
        raise GatewayRefused(_why(answer))
    return answer


def _why(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return f"{problem['detail']} ({problem['code']}, ref {problem['ref']})"
    except (ValueError, KeyError):
        return f"the gateway answered {answer.status_code}"
