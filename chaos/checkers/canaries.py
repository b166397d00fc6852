"""I7: what carries a user's canary is seen by that user alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import orjson

from chaos.final import Final
from chaos.finding import Finding, Kind
from chaos.history import Record
from chaos.operations import is_operation

CANARY = re.compile(r"canary-([A-Za-z0-9_-]*[A-Za-z0-9])")


def check(records: Sequence[Record], final: Final) -> Iterator[Finding]:
    seen: set[tuple[str, str, str]] = set()
    for record in records:
        viewer = _viewer(record)
        for owner in _owners(record) if viewer else ():
            where = (record.process, record.f, owner)
            if owner != viewer and where not in seen:
                seen.add(where)
                words = f"{record.process} got what is {owner}'s, in {record.f}"
                yield Finding("I7", Kind.LEAKED, words, viewer)
    for notification in final.notifications:
        for owner in set(CANARY.findall(notification.text)) - {notification.user}:
            words = f"{notification.seq} says what is {owner}'s"
            yield Finding("I7", Kind.LEAKED, words, notification.user, (notification.id,))


def _viewer(record: Record) -> str:
    if "/" in record.process:
        return record.key
    return str(record.value.get("user", record.process)) if is_operation(record) else ""


def _owners(record: Record) -> set[str]:
    return set(CANARY.findall(orjson.dumps(record.value).decode()))
