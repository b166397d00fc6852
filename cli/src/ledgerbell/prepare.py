"""Makes databases, migrations and the broker's objects what this release needs; safe to repeat."""

from __future__ import annotations

import asyncio

from pydantic_settings import BaseSettings

from shared.db.migrations import upgrade
from shared.db.provision import provision
from shared.messaging import topology
from shared.settings import ServiceSettings

MIGRATIONS = {
    service: f"{service}.adapters.migrations"
    for service in ("credit", "payment", "refund", "verification", "monitor", "notifier")
}


class DatabasePreparation(BaseSettings):
    """An administrator's URL and the passwords the roles are given."""

    model_config = ServiceSettings.model_config

    postgres_url: str
    credit_database_password: str
    credit_owner_password: str
    payment_database_password: str
    payment_owner_password: str
    refund_database_password: str
    refund_owner_password: str
    verification_database_password: str
    verification_owner_password: str
    monitor_database_password: str
    monitor_owner_password: str
    notifier_database_password: str
    notifier_owner_password: str

    def passwords(self, service: str) -> tuple[str, str]:
        """The service's and its owner's."""
        return getattr(self, f"{service}_database_password"), getattr(self, f"{service}_owner_password")


class BrokerPreparation(BaseSettings):
    """The management interface with an administrator's credentials, and the services' passwords."""

    model_config = ServiceSettings.model_config

    rabbitmq_management_url: str
    rabbitmq_vhost: str = "ledgerbell"
    credit_broker_password: str
    payment_broker_password: str
    refund_broker_password: str
    verification_broker_password: str
    monitor_broker_password: str
    notifier_broker_password: str
    ws_gateway_broker_password: str

    def passwords(self) -> dict[str, str]:
        return {
            "credit": self.credit_broker_password,
            "payment": self.payment_broker_password,
            "refund": self.refund_broker_password,
            "verification": self.verification_broker_password,
            "monitor": self.monitor_broker_password,
            "notifier": self.notifier_broker_password,
            "ws-gateway": self.ws_gateway_broker_password,
        }


def prepare_databases(settings: DatabasePreparation) -> None:
    """Roles, databases and migrations of every service. Raises what PostgreSQL raises."""
    for service, migrations in MIGRATIONS.items():
        password, owner_password = settings.passwords(service)
        made = asyncio.run(
            provision(
                settings.postgres_url,
                service,
                database=service,
                role_prefix="",
                password=password,
                owner_password=owner_password,
            )
        )
        upgrade(made.migration_url, migrations)


def prepare_broker(settings: BrokerPreparation) -> None:
    """Virtual host, exchanges, queues, bindings and users. Raises BrokerRefused or httpx.HTTPError."""
    topology.apply(settings.rabbitmq_management_url, settings.rabbitmq_vhost, settings.passwords())
