"""Reads the services that are sold, and their prices, from a file; a faulty file stops the start."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from shared.http.bodies import Currency, Name
from shared.money import InvalidAmount, Money, UnknownCurrency
from verification.domain.services import Service

SHIPPED = Path(__file__).parent / "services.json"

_Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
_Product = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,60}$")]


class InvalidServices(ValueError):
    """The file of services cannot be used; the message says why."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    key: _Key
    name: Name
    price: str
    currency: Currency
    products: Annotated[dict[_Key, _Product], Field(min_length=1)]

    def service(self) -> Service:
        price = Money.parse(self.price, self.currency)
        if price.minor == 0:
            raise InvalidAmount("the price is zero")
        return Service(self.key, self.name, price, self.products)


def read_services(path: Path = SHIPPED) -> tuple[Service, ...]:
    """Raises InvalidServices."""
    try:
        entries = TypeAdapter(list[_Entry]).validate_json(path.read_bytes())
        services = tuple(entry.service() for entry in entries)
    except (OSError, ValidationError, InvalidAmount, UnknownCurrency) as error:
        raise InvalidServices(f"{path}: {error}") from None
    keys = [service.key for service in services]
    if len(set(keys)) < len(keys):
        raise InvalidServices(f"{path}: a key is there twice")
    return services
