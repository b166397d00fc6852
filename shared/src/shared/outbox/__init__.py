"""The transactional outbox: events commit with the money, leave right after, and are never forgotten."""

from shared.outbox.direct import DirectPublisher
from shared.outbox.kept import create_kept, keep, kept_table, publish_kept
from shared.outbox.outbox import Outbox, OutboxTransaction
from shared.outbox.recap import Recap
from shared.outbox.relay import Relay
from shared.outbox.table import (
    OUTBOX_COLUMNS,
    create_outbox,
    create_sent,
    mark_sent,
    outbox_table,
    sent_table,
    write,
)

__all__ = [
    "OUTBOX_COLUMNS",
    "DirectPublisher",
    "Outbox",
    "OutboxTransaction",
    "Recap",
    "Relay",
    "create_kept",
    "create_outbox",
    "create_sent",
    "keep",
    "kept_table",
    "mark_sent",
    "outbox_table",
    "publish_kept",
    "sent_table",
    "write",
]
