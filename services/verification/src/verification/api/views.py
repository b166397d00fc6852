"""How answers look: decimal strings instead of minor units; the code is for its owner alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel, Field

from shared.http.auth import Identity
from shared.money import Money
from verification.domain.machine import State
from verification.domain.services import Service

if TYPE_CHECKING:
    from asyncpg import Record


class ServiceView(BaseModel):
    key: str
    name: str
    price: str
    currency: str


class ServicesView(BaseModel):
    items: list[ServiceView]

    @classmethod
    def of(cls, services: Iterable[Service]) -> ServicesView:
        return cls(
            items=[
                ServiceView(
                    key=service.key,
                    name=service.name,
                    price=service.price.amount,
                    currency=service.price.currency,
                )
                for service in services
            ]
        )


class VerificationView(BaseModel):
    """``code`` is there once the verification is completed, and shown to its owner only."""

    verification_id: UUID
    reference: str
    user_id: str
    service: str
    service_name: str
    country: str
    price: str
    currency: str
    state: State
    reason: str | None
    phone_number: str | None = Field(repr=False)
    code: str | None = Field(repr=False)
    transfer_id: UUID | None
    deadline: datetime | None
    cancel_requested: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Record, caller: Identity) -> VerificationView:
        mine = row["user_id"] == caller.user_id
        charged = row["transfer_id"] is not None
        return cls(
            verification_id=row["id"],
            reference=row["reference"],
            user_id=row["user_id"],
            service=row["service"],
            service_name=row["service_name"],
            country=row["country"],
            price=Money(row["price_minor"], row["currency"]).amount,
            currency=row["currency"],
            state=row["state"],
            reason=row["reason"] if row["state"] in (State.FAILED, State.REJECTED) else None,
            phone_number=row["phone_number"] if charged else None,
            code=row["sms_code"] if mine else None,
            transfer_id=row["transfer_id"],
            deadline=row["deadline"],
            cancel_requested=row["cancel_requested_at"] is not None,
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )


class VerificationsView(BaseModel):
    items: list[VerificationView]
    next: str | None
