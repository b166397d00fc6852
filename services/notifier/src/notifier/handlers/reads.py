"""Marks notifications as read: the count goes down by exactly what was unread, and is never counted anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from notifier.adapters import streams
from notifier.adapters.streams import Head

if TYPE_CHECKING:
    from shared.db import Transaction


class UnknownNotification(Exception):
    """This user has no such notification; whether somebody else has is not theirs to know."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The stream after a read. ``changed`` is False when everything had been read before."""

    head: Head
    ids: tuple[UUID, ...]
    changed: bool


async def mark_read(tx: Transaction, user_id: str, notification_id: UUID) -> Reading:
    """Raises UnknownNotification."""
    head = await streams.lock(tx, user_id)
    found = await streams.find(tx, user_id, notification_id)
    if head is None or found is None:
        raise UnknownNotification("There is no such notification.")
    ids = (notification_id,)
    if found["read_at"] is not None or found["seq"] <= head.read_seq:
        return Reading(head, ids, changed=False)
    counted = await streams.set_read(tx, head, found["seq"], notification_id)
    return Reading(counted, ids, changed=True)


async def mark_read_up_to(tx: Transaction, user_id: str, seq: int) -> Reading:
    """Everything up to ``seq``; a number beyond the newest means the newest."""
    head = await streams.lock(tx, user_id)
    if head is None:
        return Reading((await streams.heads(tx, [user_id]))[user_id], (), changed=False)
    up_to = min(seq, head.cursor.seq)
    if up_to <= head.read_seq:
        return Reading(head, (), changed=False)
    return Reading(await streams.set_read_up_to(tx, head, up_to), (), changed=True)
