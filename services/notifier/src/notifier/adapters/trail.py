"""What the trail says of an event: written with what it tells of, or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import orjson

from shared.trail import moment

if TYPE_CHECKING:
    from uuid import UUID

    from notifier.domain.incoming import Incoming
    from notifier.domain.notification import Notification
    from shared.db import Transaction

SALT_BYTES = 16


class Unwritable(ValueError):
    """A number in it has more than 64 bits."""


def details(events: Sequence[Incoming]) -> Iterator[str]:
    """The ``detail`` of each event's first entry, as JSON: stored, or suppressed. Raises Unwritable."""
    salts = os.urandom(SALT_BYTES * len(events))
    for place, event in enumerate(events):
        envelope, said = event.envelope, event.notification
        occurred_at = moment(envelope.time)
        detail: dict[str, object] = {"type": envelope.type, "occurred_at": occurred_at}
        if event.reference is not None:
            detail["reference"] = event.reference
        if said is None:
            detail["reason"] = event.suppressed
        else:
            salt = salts[place * SALT_BYTES : (place + 1) * SALT_BYTES]
            content = notification_content(envelope.id, envelope.subject, occurred_at, said)
            detail["kind"], detail["title"] = said.kind, said.title
            if said.amount_minor is not None:
                detail["amount_minor"], detail["currency"] = said.amount_minor, said.currency
            detail["salt"], detail["digest"] = salt.hex(), hashlib.sha256(salt + content).hexdigest()
        yield _json(detail).decode()


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
    return _json(content)


async def discarded(
    tx: Transaction, user_id: str, event_id: UUID, transfer_id: UUID | None, detail: dict[str, str]
) -> None:
    await tx.execute(
        "INSERT INTO trail_entry (user_id, what, event_id, transfer_id, detail)"
        " VALUES ($1, 'discarded', $2, $3, $4)",
        user_id,
        event_id,
        transfer_id,
        detail,
    )


def _json(content: dict[str, object]) -> bytes:
    try:
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        raise Unwritable from None
