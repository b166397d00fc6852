"""What the trail says of an event: written with what it tells of, or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import orjson

from shared.trail import moment

if TYPE_CHECKING:
    from uuid import UUID

    from notifier.domain.incoming import Incoming
    from notifier.domain.notification import Notification
    from shared.db import Transaction

SALT_BYTES = 16


class Unwritable(ValueError):
    """A number in what is shown has more than 64 bits."""


def salts(events: Sequence[Incoming]) -> dict[UUID, bytes]:
    """Of the digests, by event. Kept apart from them: who may read a salt may read what was shown.

    What is not shown has one too, as a rebuild may show it.
    """
    return {event.envelope.id: os.urandom(SALT_BYTES) for event in events}


def detail(event: Incoming, salt: bytes) -> dict[str, object]:
    """Of the event's first entry: stored, or suppressed. Raises Unwritable."""
    envelope, said = event.envelope, event.notification
    occurred_at = moment(envelope.time)
    found: dict[str, object] = {"type": envelope.type, "occurred_at": occurred_at}
    if event.reference is not None:
        found["reference"] = event.reference
    if event.suppressed is not None:
        found |= {"reason": event.suppressed.reason, **event.suppressed.detail}
    if said is not None:
        found |= shown(envelope.id, envelope.subject, occurred_at, said, salt)
    return found


def shown(
    id_: UUID, user_id: str, occurred_at: str, said: Notification, salt: bytes
) -> dict[str, str | int | None]:
    """Of a notification: what may be told of it, and the digest of all of it. Raises Unwritable."""
    found: dict[str, str | int | None] = {"kind": said.kind, "title": said.title}
    if said.amount_minor is not None:
        found["amount_minor"], found["currency"] = said.amount_minor, said.currency
    content = notification_content(id_, user_id, occurred_at, said)
    return {**found, "digest": hashlib.sha256(salt + content).hexdigest()}


def notification_content(id_: UUID, user_id: str, occurred_at: str, said: Notification) -> bytes:
    """All that its user is shown, as canonical JSON (RFC 8785). An SMS code may be in it.

    ``occurred_at`` is as ``moment`` writes it.
    """
    content: dict[str, object] = {
        "id": id_,
        "user_id": user_id,
        "kind": said.kind,
        "lane": said.lane.value,
        "category": said.category.value,
        "icon": said.icon,
        "title": said.title,
        "body": said.body,
        "link": said.link,
        "toast": said.toast,
        "occurred_at": occurred_at,
    }
    if said.amount_minor is not None:
        content["amount_minor"], content["currency"] = said.amount_minor, said.currency
    if said.transfer_id is not None:
        content["transfer_id"] = said.transfer_id
    try:
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        raise Unwritable from None


async def ended(
    tx: Transaction,
    what: Literal["parked", "discarded"],
    user_id: str,
    event_id: UUID,
    transfer_id: UUID | None,
    detail: dict[str, str],
) -> None:
    """An event that nobody was shown."""
    await tx.execute(
        "INSERT INTO trail_entry (user_id, what, event_id, transfer_id, detail) VALUES ($1, $2, $3, $4, $5)",
        user_id,
        what,
        event_id,
        transfer_id,
        detail,
    )
