"""What the notifier says of itself: what it has stored, how late, and what it has in hand."""

from __future__ import annotations

from collections.abc import Mapping

from notifier.handlers.record import LAG_SECONDS, STORED
from shared.events import Lane
from shared.messaging import BatchConsumer
from shared.observability.vitals import Reading, by_lane, sums


def reading(lanes: Mapping[Lane, BatchConsumer]) -> Reading:
    return {
        "stored": by_lane(STORED),
        "lag": sums(LAG_SECONDS),
        "in_hand": {lane.value: consumer.in_hand for lane, consumer in lanes.items()},
    }
