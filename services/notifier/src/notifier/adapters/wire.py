"""What is stored, as the contracts of ``shared.events.notifier`` say it; built by hand, proved by tests."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import orjson

from notifier.domain.notification import shown_text, signed_amount

if TYPE_CHECKING:
    from asyncpg import Record

    from notifier.adapters.batch import BalanceRow, Place
    from notifier.adapters.streams import Head
    from notifier.domain.incoming import Incoming

Item = dict[str, object]


def created(event: Incoming, place: Place) -> Item:
    """A NotificationCreated of what was stored just now. Plain dicts cost a tenth of validated models."""
    envelope, said = event.envelope, event.notification
    assert said is not None
    return {
        "type": "notification.created",
        "user_id": envelope.subject,
        "epoch": place.epoch,
        "seq": place.seq,
        "id": envelope.id,
        "kind": said.kind,
        "lane": said.lane,
        "icon": said.icon,
        "title": said.title,
        "body": said.body,
        "text": said.text,
        "link": said.link,
        "toast": said.toast,
        "amount": said.amount,
        "currency": said.currency,
        "transfer_id": said.transfer_id,
        "occurred_at": envelope.time,
        "read": False,
        "unread": place.unread,
        "rev": place.rev,
    }


def replayed(row: Record, head: Head) -> Item:
    """A NotificationCreated of a stored row; count and revision are the head's, where they are true."""
    return {
        "type": "notification.created",
        "user_id": head.user_id,
        "epoch": head.cursor.epoch,
        **stored(row, head),
        "unread": head.unread,
        "rev": head.rev,
    }


def stored(row: Record, head: Head) -> Item:
    """What a history shows of a row."""
    return {
        "seq": row["seq"],
        "id": str(row["id"]),
        "kind": row["kind"],
        "lane": row["lane"],
        "icon": row["icon"],
        "title": row["title"],
        "body": row["body"],
        "text": shown_text(row["icon"], row["title"], row["body"]),
        "link": row["link"],
        "toast": row["toast"],
        "amount": signed_amount(row["amount_minor"], row["currency"]),
        "currency": row["currency"],
        "transfer_id": None if row["transfer_id"] is None else str(row["transfer_id"]),
        "occurred_at": row["occurred_at"],
        "read": row["read_at"] is not None or row["seq"] <= head.read_seq,
    }


def balance_changed(balance: BalanceRow) -> Item:
    return {
        "type": "balance.changed",
        "user_id": balance.user_id,
        "currency": balance.currency,
        "posted_minor": balance.posted_minor,
        "held_minor": balance.held_minor,
        "version": balance.version,
    }


def read(head: Head, ids: tuple[UUID, ...]) -> Item:
    return {
        "type": "notification.read",
        "user_id": head.user_id,
        "epoch": head.cursor.epoch,
        "seq": head.cursor.seq,
        "read_seq": head.read_seq,
        "ids": ids,
        "unread": head.unread,
        "rev": head.rev,
    }


def stream_head(head: Head) -> Item:
    return {
        "type": "stream.head",
        "user_id": head.user_id,
        "epoch": head.cursor.epoch,
        "seq": head.cursor.seq,
    }


def encode(item: Item) -> bytes:
    return orjson.dumps(item)
