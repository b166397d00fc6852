"""What is sold: services, what they cost, and what each provider calls them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.money import Money


@dataclass(frozen=True, slots=True)
class Service:
    """``products`` maps a provider's name to its own name of the service, the preferred provider first."""

    key: str
    name: str
    price: Money
    products: Mapping[str, str]


class UnknownService(ValueError):
    """No such service is sold."""


class Assortment:
    """The services that one of the configured providers can deliver."""

    def __init__(self, services: Iterable[Service], providers: Iterable[str]) -> None:
        known = frozenset(providers)
        self._provider: dict[str, str] = {}
        self._services: dict[str, Service] = {}
        for service in services:
            provider = next((name for name in service.products if name in known), None)
            if provider is not None:
                self._services[service.key] = service
                self._provider[service.key] = provider

    @property
    def services(self) -> tuple[Service, ...]:
        return tuple(self._services.values())

    def service(self, key: str) -> Service:
        """Raises UnknownService."""
        try:
            return self._services[key]
        except KeyError:
            raise UnknownService(
                "no such service is sold; GET /v1/verifications/services lists them"
            ) from None

    def provider_of(self, key: str) -> str:
        """Whom a service of the assortment is bought from."""
        return self._provider[key]
