"""What every event has in common."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Lane(StrEnum):
    """Priorities. Each has a queue, a channel and a worker of its own, so that none waits for another."""

    CRITICAL = "critical"
    HIGH = "high"
    STANDARD = "standard"


Minor = Annotated[int, Field(ge=0, description="Minor units of the event's currency.")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217.")]
Text = Annotated[str, Field(max_length=500)]


class Event(BaseModel):
    """The data of one domain event; fields a reader does not know are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    TYPE: ClassVar[str]  # The routing key, its version at the end.
    LANE: ClassVar[Lane]


class BalanceChange(Event):
    """An event that moved a balance, or that reports the balance after it was moved."""

    transfer_id: UUID
    currency: Currency
    amount_minor: Minor
    balance_after: Minor = Field(description="Available, in minor units: what the user can spend.")
    held_after: Minor = Field(description="Held, in minor units; posted is available plus held.")
    version: int = Field(ge=0, description="The account's version; a lower one is older.")
