"""Every stored notification is logged with its times, and counted; never its words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from prometheus_client import Counter, Histogram

from notifier.adapters.batch import Place
from notifier.domain.incoming import Incoming
from shared.observability.logs import get_logger
from shared.observability.metrics import LATENCY_BUCKETS_SECONDS

log = get_logger(__name__)

# A line each would cost as much as storing them; what collects logs cuts lines of more than 16 KB.
IN_A_LINE = 50

STORED = Counter("notifications_stored_total", "Notifications stored.", ["lane"])
SUPPRESSED = Counter("notifications_suppressed_total", "Events that are not shown to their user.", ["lane"])
REPEATED = Counter("notifier_repeated_events_total", "Events that had been stored before.", ["lane"])
BATCH_EVENTS = Histogram(
    "notifier_batch_events", "Events in a batch.", ["lane"], buckets=(1, 2, 5, 10, 20, 50, 100, 150, 200)
)
LAG_SECONDS = Histogram(
    "notifier_lag_seconds",
    "From an event's time to its notification being stored.",
    ["lane"],
    buckets=(*LATENCY_BUCKETS_SECONDS, 300, 3600),
)


class Recorder:
    """Logs and counts what one lane has stored."""

    def __init__(self, lane: str) -> None:
        self._lane = lane
        self._stored = STORED.labels(lane)
        self._suppressed = SUPPRESSED.labels(lane)
        self._repeated = REPEATED.labels(lane)
        self._batch = BATCH_EVENTS.labels(lane)
        self._lag = LAG_SECONDS.labels(lane)

    def record(
        self,
        created: Sequence[tuple[Incoming, Place]],
        stale: Sequence[Incoming],
        events: Collection[Incoming],
        now: datetime,
    ) -> None:
        said = []
        for event, place in created:
            lag_seconds = max(0.0, (now - event.envelope.time).total_seconds())
            self._lag.observe(lag_seconds)
            said.append(_about(event, place, lag_seconds))
        for start in range(0, len(said), IN_A_LINE):
            log.info("notifications.stored", lane=self._lane, stored=said[start : start + IN_A_LINE])
        self._batch.observe(len(events))
        self._stored.inc(len(created))
        self._repeated.inc(len(stale))
        silent = sum(event.notification is None for event in events)
        self._suppressed.inc(silent - sum(event.notification is None for event in stale))


def _about(event: Incoming, place: Place, lag_seconds: float) -> dict[str, object]:
    envelope, notification = event.envelope, event.notification
    assert notification is not None
    return {
        "event_id": str(envelope.id),
        "user_id": envelope.subject,
        "seq": place.seq,
        "kind": notification.kind,
        "occurred_at": envelope.time.isoformat(),
        "stored_ms": round(lag_seconds * 1000, 2),
        "correlation_id": envelope.correlationid,
    }
