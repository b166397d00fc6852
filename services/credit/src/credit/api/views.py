"""How answers look: decimal strings instead of minor units, and no field that is not listed here."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.money import Money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncpg import Record

    Fields: TypeAlias = Mapping[str, object]


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _TransferRow(_Row):
    id: UUID
    kind: Literal["addition", "deduction"]
    user_id: str
    currency: str
    amount_minor: int
    source: str | None
    reason: str
    service: str | None
    reference: str | None
    link: str | None
    hold_id: UUID | None
    balance_after: int
    held_after: int
    version: int
    created_at: datetime


class _HoldRow(_Row):
    id: UUID
    user_id: str
    currency: str
    amount_minor: int
    status: Literal["placed", "posted", "voided", "expired"]
    reason: str
    service: str | None
    reference: str | None
    link: str | None
    expires_at: datetime
    balance_after: int
    held_after: int
    version: int
    created_at: datetime
    ended_at: datetime | None


class TransferView(BaseModel):
    """A movement that is booked. ``balance_after`` is what the user could spend then."""

    transfer_id: UUID
    kind: Literal["addition", "deduction"]
    user_id: str
    amount: str
    currency: str
    source: str | None
    reason: str
    service: str | None
    reference: str | None
    link: str | None
    hold_id: UUID | None
    balance_after: str
    held_after: str
    version: int
    occurred_at: datetime

    @classmethod
    def of(cls, answer: Fields) -> TransferView:
        row = _TransferRow.model_validate(answer)
        return cls(
            transfer_id=row.id,
            kind=row.kind,
            user_id=row.user_id,
            amount=decimal(row.amount_minor, row.currency),
            currency=row.currency,
            source=row.source,
            reason=row.reason,
            service=row.service,
            reference=row.reference,
            link=row.link,
            hold_id=row.hold_id,
            balance_after=decimal(row.balance_after, row.currency),
            held_after=decimal(row.held_after, row.currency),
            version=row.version,
            occurred_at=row.created_at,
        )


class EntryView(TransferView):
    """A line of a statement: the transfer with its amount signed as it changed the balance."""


class StatementView(BaseModel):
    items: list[EntryView]
    next: str | None

    @classmethod
    def of(cls, entries: list[Record], following: str | None) -> StatementView:
        return cls(items=[_entry(entry) for entry in entries], next=following)


def _entry(row: Record) -> EntryView:
    transfer = TransferView.of(dict(row))
    sign = "-" if transfer.kind == "deduction" else ""
    return EntryView(**transfer.model_dump() | {"amount": sign + transfer.amount})


class HoldView(BaseModel):
    """A hold and the balance after its last change."""

    hold_id: UUID
    user_id: str
    amount: str
    currency: str
    status: Literal["placed", "posted", "voided", "expired"]
    reason: str
    service: str | None
    reference: str | None
    link: str | None
    expires_at: datetime
    balance_after: str
    held_after: str
    version: int
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, answer: Fields) -> HoldView:
        row = _HoldRow.model_validate(answer)
        return cls(
            hold_id=row.id,
            user_id=row.user_id,
            amount=decimal(row.amount_minor, row.currency),
            currency=row.currency,
            status=row.status,
            reason=row.reason,
            service=row.service,
            reference=row.reference,
            link=row.link,
            expires_at=row.expires_at,
            balance_after=decimal(row.balance_after, row.currency),
            held_after=decimal(row.held_after, row.currency),
            version=row.version,
            created_at=row.created_at,
            ended_at=row.ended_at,
        )


class AccountView(BaseModel):
    user_id: str
    currency: str
    posted: str
    held: str
    available: str
    version: int
    low_balance_threshold: str
    closed: bool
    frozen: bool

    @classmethod
    def of(cls, row: Record) -> AccountView:
        known = _AccountRow.model_validate(dict(row))
        return cls(
            user_id=known.user_id,
            currency=known.currency,
            posted=decimal(known.posted, known.currency),
            held=decimal(known.held, known.currency),
            available=decimal(known.posted - known.held, known.currency),
            version=known.version,
            low_balance_threshold=decimal(known.low_balance_threshold, known.currency),
            closed=known.closed_at is not None,
            frozen=known.frozen_at is not None,
        )


class _AccountRow(_Row):
    user_id: str
    currency: str
    posted: int
    held: int
    version: int
    low_balance_threshold: int
    closed_at: datetime | None
    frozen_at: datetime | None


class AccountsView(BaseModel):
    user_id: str
    accounts: list[AccountView]


def decimal(minor: int, currency: str) -> str:
    return Money(minor, currency).amount
