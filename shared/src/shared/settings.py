"""Settings come from the environment or from secret files, and nothing has a secret default."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

SECRETS_DIR = Path("/run/secrets")


class ServiceSettings(BaseSettings):
    """What every service process reads, each name prefixed ``LEDGERBELL_``.

    A file ``/run/secrets/ledgerbell_<name>`` serves as well as a variable; the variable wins.
    """

    model_config = SettingsConfigDict(
        env_prefix="LEDGERBELL_",
        secrets_dir=SECRETS_DIR if SECRETS_DIR.is_dir() else None,
        extra="ignore",
        hide_input_in_errors=True,
    )

    broker_url: str
    auth_keys: str
    host: str = "127.0.0.1"
    port: int = 8000
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0
    log_level: str = "INFO"


class DatabaseSettings(ServiceSettings):
    """A service that owns a database."""

    database_url: str
    database_pool_size: int = 8
    recap_after_seconds: float = 300
