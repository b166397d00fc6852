"""Of all that a user's trail has, a bundle opens what became of one transfer's notifications."""

from __future__ import annotations

from uuid import uuid4

from shared.trail import Concern, Entry

AT = "2026-03-14T09:26:53.589793Z"


def entry(what: str, **members: object) -> Entry:
    return Entry.of({"user_id": "ann", "what": what, "at": AT, "detail": {}, **members})


def test_concern_takes_what_was_done_with_the_notifications_of_a_transfer() -> None:
    transfer, event = uuid4(), uuid4()
    stored = entry("stored", transfer_id=str(transfer), event_id=str(event), epoch=2, seq=7)
    told = [
        (stored, True),
        (entry("stored", transfer_id=str(uuid4()), event_id=str(uuid4()), epoch=2, seq=8), False),
        (entry("pushed", epoch=2, seq=5, up_to=9), True),
        (entry("pushed", epoch=1, seq=5, up_to=9), False),
        (entry("pushed", epoch=2, seq=8, up_to=9), False),
        (entry("acknowledged", epoch=2, seq=1, up_to=6), False),
        (entry("acknowledged", epoch=2, seq=7, up_to=7), True),
        (entry("read", epoch=2, seq=6), False),
        (entry("read", epoch=2, up_to=7), True),
        (entry("read", epoch=2, up_to=9), False),  # It was read already.
        (entry("discarded", event_id=str(event)), True),
        (entry("discarded", event_id=str(uuid4())), False),
        (entry("rebuilt", epoch=3), True),
        (entry("suppressed", transfer_id=str(transfer), event_id=str(uuid4())), True),
    ]
    concern = Concern(transfer)
    assert [concern(each) for each, _ in told] == [expected for _, expected in told]
    assert not Concern(transfer)(entry("rebuilt", epoch=3))


def test_concern_follows_a_notification_through_every_rebuild() -> None:
    transfer, event, silent = uuid4(), uuid4(), uuid4()
    of_event, of_silent = (
        {"transfer_id": str(transfer), "event_id": str(event)},
        {"transfer_id": str(transfer), "event_id": str(silent)},
    )
    told = [
        (entry("rebuilt", epoch=2), False),
        (entry("stored", **of_event, epoch=2, seq=7), True),
        (entry("suppressed", **of_silent), True),
        (entry("pushed", epoch=3, seq=7, up_to=7), False),  # It has not begun.
        (entry("rebuilt", epoch=3), True),
        (entry("acknowledged", epoch=3, seq=7, up_to=7), True),
        (entry("acknowledged", epoch=3, seq=6, up_to=6), False),
        (entry("rebuilt", epoch=4), True),
        (entry("rebuilt", epoch=4, event_id=str(uuid4()), seq=7), False),
        (entry("rebuilt", **of_event, epoch=4, seq=8), True),
        (entry("acknowledged", epoch=4, seq=7, up_to=7), False),
        (entry("acknowledged", epoch=4, seq=1, up_to=8), True),
        (entry("pushed", epoch=3, seq=7, up_to=7), True),  # It was gathered before, and came late.
        (entry("rebuilt", epoch=5), True),
        (entry("read", epoch=5, up_to=7), False),
        (entry("read", epoch=5, up_to=8), True),
        (entry("read", epoch=5, up_to=9), False),  # It was read already.
        (entry("rebuilt", epoch=6), True),
        (entry("rebuilt", **of_event, epoch=6), True),
        (entry("rebuilt", **of_silent, epoch=6, seq=3), True),
        (entry("pushed", epoch=6, seq=4, up_to=9), False),
        (entry("pushed", epoch=6, seq=3, up_to=3), True),
        (entry("rebuilt", epoch=7), True),
        (entry("pushed", epoch=7, seq=4, up_to=9), False),
        (entry("read", epoch=7, event_id=str(silent), seq=3), True),
        (entry("read", epoch=7, seq=1, up_to=9), False),  # It was read already.
    ]
    concern = Concern(transfer)
    assert [concern(each) for each, _ in told] == [expected for _, expected in told]
