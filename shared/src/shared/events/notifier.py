"""What the notifier tells the gateways: batches of what it has stored, as one message."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events.contract import Lane

EXCHANGE = "notifications"
STORED = "notifications.stored"  # The routing key of a batch.


class _Item(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    user_id: str


class NotificationCreated(_Item):
    """One stored notification, with the unread count and the stream's revision it was true at."""

    type: Literal["notification.created"] = "notification.created"
    epoch: int
    seq: int
    id: UUID
    kind: str
    lane: Lane
    icon: str
    title: str
    body: str = Field(repr=False)
    text: str = Field(repr=False)
    link: str | None
    toast: bool
    amount: str | None  # Signed decimal string.
    currency: str | None
    transfer_id: UUID | None
    occurred_at: datetime
    read: bool
    unread: int
    rev: int


class NotificationRead(_Item):
    """Read elsewhere: all up to ``read_seq``, or single ones by id."""

    type: Literal["notification.read"] = "notification.read"
    epoch: int
    seq: int  # The head of the stream when it was read.
    read_seq: int
    ids: tuple[UUID, ...]
    unread: int
    rev: int


class BalanceChanged(_Item):
    type: Literal["balance.changed"] = "balance.changed"
    currency: str
    posted_minor: int
    held_minor: int
    version: int


class StreamHead(_Item):
    """A hint after a redelivery: the stream has reached this ``seq``; fetch what is missing."""

    type: Literal["stream.head"] = "stream.head"
    epoch: int
    seq: int


PushItem = Annotated[
    NotificationCreated | NotificationRead | BalanceChanged | StreamHead, Field(discriminator="type")
]


class PushBatch(BaseModel):
    """One message on the ``notifications`` exchange; items of one user are in the order of their commits."""

    items: list[PushItem]
