"""Parking is the last place that may fail, whatever is in the message."""

from uuid import uuid4

from shared.db import Database
from shared.inbox import ParkedEvent, park
from shared.messaging import Delivery


async def test_an_event_is_parked_with_characters_the_database_cannot_hold(db: Database) -> None:
    type_ = "credit.\x00.v1"
    delivery = Delivery(1, type_, str(uuid4()), False, {"cloudEvents:type": type_}, b"\x00")
    event = ParkedEvent("notifier.critical", f"{type_} is not in the catalogue", delivery)

    async with db.transaction() as tx:
        assert await park(tx, event) == 1
