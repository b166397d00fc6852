"""What the monitor has said is told once more where it was said, on an exchange that has not its name."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from shared.events.activity import ActivityDisputed
from shared.messaging import Publisher
from shared.outbox import Recap, mark_sent
from shared.testing.working import working

if TYPE_CHECKING:
    from services.monitor.tests.desk import Desk
    from shared.testing.namespace import Namespace


async def test_a_recap_reaches_whoever_listens_to_activity(
    desk: Desk, namespace: Namespace, user: str
) -> None:
    async with desk.outbox.transaction() as tx:
        id_ = await tx.publish(user, ActivityDisputed(flag_id=uuid4(), freeze=True))
        await mark_sent(tx, [id_])
    publisher = Publisher(namespace.broker_url("monitor"), "recap")

    async with working(publisher.run):
        await publisher.linked.wait()
        told = await Recap(desk.db, publisher, "monitor", after_seconds=0).tell_batch()

    assert told == 1, "it was confirmed, and returned by nobody"
    async with desk.db.autocommit() as tx:
        assert await tx.fetch("SELECT id FROM sent WHERE id = $1", id_) == []
