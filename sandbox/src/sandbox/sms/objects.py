"""Services, orders and SMS, as they are kept and as they are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sandbox.faults import Faults
from sandbox.records import iso

OrderStatus = Literal["pending", "received", "finished", "cancelled", "timeout", "banned"]
CURRENCY = "USD"


@dataclass(slots=True)
class Service:
    """Whose SMS a number can receive, and what such a number costs."""

    service: str
    name: str
    cost_minor: int
    stock: int

    def view(self) -> dict[str, object]:
        return {
            "service": self.service,
            "name": self.name,
            "cost_minor": self.cost_minor,
            "currency": CURRENCY,
            "stock": self.stock,
        }


@dataclass(frozen=True, slots=True)
class Sms:
    text: str = field(repr=False)
    code: str | None = field(repr=False)
    received_at: datetime

    def view(self) -> dict[str, object]:
        return {"text": self.text, "code": self.code, "received_at": iso(self.received_at)}


@dataclass(slots=True, kw_only=True)
class Order:
    """A number for one service, for a while."""

    id: str
    reference: str
    service: str
    country: str
    phone_number: str
    cost_minor: int
    created_at: datetime
    expires_at: datetime
    faults: Faults
    status: OrderStatus = "pending"
    sms: list[Sms] = field(default_factory=list)

    def view(self) -> dict[str, object]:
        return {
            "id": self.id,
            "reference": self.reference,
            "service": self.service,
            "country": self.country,
            "phone_number": self.phone_number,
            "status": self.status,
            "cost_minor": self.cost_minor,
            "currency": CURRENCY,
            "sms": [sms.view() for sms in self.sms],
            "created_at": iso(self.created_at),
            "expires_at": iso(self.expires_at),
        }
