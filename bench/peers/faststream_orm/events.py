"""What goes over the broker, and where."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Literal

from faststream.rabbit import ExchangeType, RabbitExchange
from pydantic import BaseModel

EVENTS = RabbitExchange("credit.events", type=ExchangeType.TOPIC, durable=True)
DEDUCTED = "credit.deducted"
NOTIFICATIONS = RabbitExchange("notifications", type=ExchangeType.FANOUT, durable=True)


class CreditDeducted(BaseModel):
    event_id: uuid.UUID
    transfer_id: uuid.UUID
    user_id: str
    amount: int
    currency: str
    balance_after: int
    version: int
    reason: str
    reference: str
    occurred_at: datetime


class Notified(BaseModel):
    type: Literal["notification"] = "notification"
    user_id: str
    seq: int
    transfer_id: uuid.UUID
    text: str
    created_at: datetime
