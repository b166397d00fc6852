"""What the ledger states of itself, and what its reader asks for in turn: messages that are no events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

EXCHANGE = "coverage"  # Where is asked for what is missing; the routing key is the service that has it.
STATED = "credit.statement"  # A statement's routing key, on the ledger's own exchange.
MAX_ASKED = 500
# Those who can tell the event again that shows a transfer.
OWNERS = ("credit", "payment", "refund")

Number = Annotated[int, Field(ge=1, lt=2**63)]


class StatedTransfer(NamedTuple):
    """``kind`` is "deduction", or an addition's source. The amount is signed: positive is money in."""

    id: UUID
    event_id: UUID
    kind: str
    user_id: str
    amount_minor: int
    currency: str
    created_at: datetime


class Era(NamedTuple):
    """A ledger that may have been restored begins one, and states anew from this number on.

    Until then other statements may have been told under ``first`` and the numbers after it, which are undone.
    """

    began: AwareDatetime
    first: Number


class Statement(BaseModel):
    """All transfers that were committed since the one before. Numbers have no gap, so none is missed.

    All that was committed before ``at`` has been stated, with this one. ``eras`` are the ledger's last ones
    when it was told, in any order.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: Number
    at: datetime
    eras: Annotated[list[Era], Field(min_length=1)]
    transfers: list[StatedTransfer]


class Request(BaseModel):
    """Events to be published again, by their transfers, and statements, by their numbers."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    transfers: Annotated[list[UUID], Field(max_length=MAX_ASKED)] = []
    statements: Annotated[list[Number], Field(max_length=MAX_ASKED)] = []


def owners_of(kind: str) -> tuple[str, ...]:
    """Who is asked to tell a transfer of this kind again.

    Of payments and refunds the ledger too: whoever shows them may never have heard of it.
    """
    return ("credit", kind) if kind in OWNERS else ("credit",)
