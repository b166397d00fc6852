"""What the gateways tell the notifier: what they wrote to whose tabs, and what tabs have acknowledged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, model_validator

EXCHANGE = "receipts"
GATHERED = "receipts.gathered"  # The routing key of a batch.
MAX_ENTRIES = 1000

_HEADER = "ledgerbell:message"
HEADERS = {_HEADER: GATHERED}

_BATCHES = UUID("0c7c9f6e-6d0b-5f0a-9a34-6a8f4b3f7d51")

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Seq = Annotated[int, Field(ge=1, lt=2**63)]


def is_receipts(headers: Mapping[str, object]) -> bool:
    """Whether a message with these is a batch, whatever queue it ended in and whatever key it has there."""
    return headers.get(_HEADER) == GATHERED


class _Range(BaseModel):
    """Of one user's stream, both ends included; ``at`` is when the last of it happened."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    user_id: Annotated[str, Field(min_length=1, max_length=200)]
    epoch: Annotated[int, Field(ge=1, lt=2**31)]
    seq: Seq
    up_to: Seq
    at: datetime

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.up_to < self.seq:
            raise ValueError("up_to comes before seq")
        return self


class Pushed(_Range):
    """Written to so many tabs: handed to their connections, no more is known."""

    tabs: Annotated[int, Field(ge=1, lt=2**31)]


class Acknowledged(_Range):
    """A session, one socket of a gateway, has said that its page has all up to here.

    ``sent_from`` is the first number that was sent to the session itself. What is below it, it has from the
    history or from a socket before; that may be the whole range.
    """

    session: Id
    sent_from: Seq


class ReceiptBatch(BaseModel):
    """What one gateway process gathered since its batch before; with that number it is told once."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    gateway: Id
    number: Annotated[int, Field(ge=1, lt=2**63)]
    pushed: Annotated[list[Pushed], Field(max_length=MAX_ENTRIES)]
    acknowledged: Annotated[list[Acknowledged], Field(max_length=MAX_ENTRIES)]

    @property
    def id(self) -> UUID:
        return batch_id(self.gateway, self.number)


def batch_id(gateway: str, number: int) -> UUID:
    """The same for the same batch, however often it comes."""
    return uuid5(_BATCHES, f"{gateway}:{number}")
