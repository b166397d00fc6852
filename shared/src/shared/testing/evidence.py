"""A made-up trail and bundles of it: a payment told to four tabs, of which one says nothing, and more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from shared.trail import (
    START,
    BundleWriter,
    Checkpoint,
    Concern,
    Cover,
    Entry,
    fingerprint,
    leaf,
    link,
    moment,
    path,
    read_private_key,
    root,
)

KEY = read_private_key("A" * 42 + "E=")  # Known to everybody: it signs nothing but tests.
TRANSFER = UUID("018f4e2a-7c1d-7b3e-9f00-5a6b7c8d9e0f")
GATEWAYS = (UUID(int=0xA11CE << 96 | 17).hex, UUID(int=0xB0B << 96 | 23).hex)
SESSIONS = tuple(UUID(int=number << 92 | 5 * number).hex for number in (0x4F1C, 0x9BE2, 0xC0DE))
_START_AT = datetime(2026, 3, 14, 9, 26, 53, 589793, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Trail:
    """The first ``sealed`` entries are under a checkpoint; the rest came later."""

    entries: Sequence[Entry]
    sealed: int

    def bundle(self, transfer_id: UUID = TRANSFER) -> list[bytes]:
        """Its lines, as the notifier would write them."""
        user_id = self.entries[0].user_id
        concern = Concern(transfer_id)
        exported_at = moment(_START_AT + timedelta(days=1))
        writer = BundleWriter(user_id, transfer_id, exported_at, KEY)
        lines, hash_ = [writer.header()], START
        for entry in self.entries[: self.sealed]:
            hash_ = link(hash_, entry.digest())
            lines.append(writer.sealed(entry, hash_, whole=concern(entry)))
        if self.sealed:
            lines.append(writer.cover(_cover(user_id, self.sealed, hash_)))
        lines += [writer.unsealed(entry) for entry in self.entries[self.sealed :] if concern(entry)]
        return [*lines, writer.end()]


def _cover(user_id: str, place: int, head: bytes) -> Cover:
    leaves = [leaf(f"other-{number}", number, bytes([number]) * 32) for number in range(1, 7)]
    leaves.insert(4, leaf(user_id, place, head))
    at = moment(_START_AT + timedelta(hours=1))
    checkpoint = Checkpoint(41, at, previous=bytes([7]) * 32, leaves=len(leaves), root=root(leaves))
    return Cover(checkpoint, checkpoint.sign(KEY), fingerprint(KEY.public_key()), place, 4, path(leaves, 4))


def made_up_trail(
    user_id: str = "alice", title: str = "💳 Paid $12.50 to Corner Café", *, others: int = 50
) -> Trail:
    """About sixty entries, of which the last two are not sealed. The same each time."""
    random = Random(6)
    before = [_other(user_id, seq) for seq in range(1, others // 2 + 1)]
    after = [_other(user_id, seq) for seq in range(others // 2 + 2, others + 2)]
    told = _told(user_id, others // 2 + 1, title)
    entries = [*before, *told[:6], *after, *told[6:]]
    at = _START_AT
    for place, entry in enumerate(entries, 1):
        at += timedelta(microseconds=random.randrange(900, 90_000))
        entries[place - 1] = replace(entry, place=place, at=moment(at))
    entries[-2:] = [replace(entry, place=None) for entry in entries[-2:]]
    return Trail(entries, len(entries) - 2)


def _told(user_id: str, seq: int, title: str) -> list[Entry]:
    stored = Entry(
        user_id,
        None,
        "stored",
        "",
        event_id=UUID(int=seq),
        transfer_id=TRANSFER,
        epoch=1,
        seq=seq,
        detail={
            "type": "credit.deducted.v1",
            "occurred_at": moment(_START_AT),
            "kind": "credit.deducted",
            "title": title,
            "amount_minor": -1250,
            "currency": "USD",
            "digest": "d1" * 32,
            "reference": "PAY-7F3K9Q2M4C1X",
        },
    )
    suppressed = replace(
        stored,
        what="suppressed",
        event_id=UUID(int=seq + 1000),
        epoch=None,
        seq=None,
        detail={
            "type": "payment.captured.v1",
            "occurred_at": moment(_START_AT),
            "reason": "told by another event",
        },
    )
    pushed = Entry(user_id, None, "pushed", "", epoch=1, seq=seq, up_to=seq)
    acknowledged = replace(pushed, what="acknowledged")
    return [
        stored,
        suppressed,
        replace(pushed, detail={"gateway": GATEWAYS[0], "tabs": 3}),
        replace(pushed, detail={"gateway": GATEWAYS[1], "tabs": 1}),
        replace(acknowledged, detail={"gateway": GATEWAYS[0], "session": SESSIONS[0]}),
        replace(acknowledged, detail={"gateway": GATEWAYS[0], "session": SESSIONS[1]}),
        Entry(user_id, None, "read", "", epoch=1, up_to=seq + 20),
        replace(acknowledged, seq=seq - 2, detail={"gateway": GATEWAYS[1], "session": SESSIONS[2]}),
    ]


def _other(user_id: str, seq: int) -> Entry:
    detail = {"type": "credit.added.v1", "kind": "credit.added", "title": "➕ Added", "digest": "d0" * 32}
    id_ = UUID(int=seq)
    return Entry(user_id, None, "stored", "", event_id=id_, transfer_id=id_, epoch=1, seq=seq, detail=detail)
