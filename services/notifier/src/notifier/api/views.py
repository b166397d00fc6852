"""What leaves over HTTP, field by field: nothing that is not listed here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from notifier.adapters import wire
from notifier.adapters.batch import BalanceRow
from notifier.adapters.streams import Head
from notifier.domain.filters import Family, Filters, Flow
from notifier.domain.notification import Category
from notifier.handlers.reads import Reading
from shared.events import Lane
from shared.http.bodies import Body
from shared.money import Money

if TYPE_CHECKING:
    from asyncpg import Record


class NotificationView(BaseModel):
    seq: int
    id: UUID
    kind: str
    lane: Lane
    icon: str
    title: str
    body: str = Field(repr=False)
    text: str = Field(repr=False)
    link: str
    toast: bool
    amount: str | None = Field(description="Signed decimal string; None where no money moved.")
    currency: str | None
    transfer_id: UUID | None
    occurred_at: datetime
    read: bool

    @classmethod
    def all_of(cls, rows: Sequence[Record], head: Head) -> list[NotificationView]:
        return [cls.model_validate(wire.stored(row, head)) for row in rows]


class BalanceView(BaseModel):
    currency: str
    posted: str
    held: str
    available: str
    version: int

    @classmethod
    def of(cls, balance: BalanceRow) -> BalanceView:
        posted, held, currency = balance.posted_minor, balance.held_minor, balance.currency
        return cls(
            currency=currency,
            posted=Money(posted, currency).amount,
            held=Money(held, currency).amount,
            available=Money(posted - held, currency).amount,
            version=balance.version,
        )


class CountView(BaseModel):
    """``unread`` was true at ``as_of`` and ``rev``; a higher ``rev`` is newer."""

    as_of: str = Field(description="EPOCH:SEQ of the newest notification.")
    unread: int
    rev: int
    read_seq: int = Field(description="Everything up to here is read.")

    @classmethod
    def of(cls, head: Head) -> CountView:
        return cls(**counts(head))


class HistoryView(CountView):
    items: list[NotificationView]
    next: str | None = Field(description="Cursor of the next page (older), for `before`.")


class StreamView(CountView):
    """``cursor`` is what to ask after next time; with ``reset`` load the history afresh."""

    items: list[NotificationView]
    cursor: str
    reset: bool
    balances: list[BalanceView]


class ReadView(CountView):
    """After a read; ``seq`` is the head of the stream at that moment."""

    ids: tuple[UUID, ...]
    seq: int

    @classmethod
    def after(cls, reading: Reading) -> ReadView:
        return cls(ids=reading.ids, seq=reading.head.cursor.seq, **counts(reading.head))


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("an instant with its offset is needed, such as 2026-01-31T12:00:00Z")


Instant = Annotated[datetime, BeforeValidator(_instant)]


class HistoryQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    before: str | None = Field(default=None, max_length=64)
    limit: int = Field(default=50, ge=1, le=100)
    unread: bool = False
    category: Category | None = None
    kind: Family | None = Field(default=None, description="The part of `kind` before the dot.")
    money: Flow | None = Field(default=None, description="Which way money moved, by the sign of `amount`.")
    since: Instant | None = Field(default=None, description="`occurred_at` is this instant or later.")
    until: Instant | None = Field(default=None, description="`occurred_at` is before this instant.")

    def filters(self) -> Filters:
        return Filters(**self.model_dump(exclude={"before", "limit"}))


class ReadUpTo(Body):
    up_to_seq: int = Field(ge=0, le=2**63 - 1)


def history(head: Head, rows: Sequence[Record], following: str | None) -> HistoryView:
    return HistoryView(items=NotificationView.all_of(rows, head), next=following, **counts(head))


def counts(head: Head) -> dict[str, object]:
    return {"as_of": str(head.cursor), "unread": head.unread, "rev": head.rev, "read_seq": head.read_seq}
