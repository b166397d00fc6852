"""The transactional outbox: events commit with the money, leave right after, and are never forgotten."""

from shared.outbox.direct import DirectPublisher
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
    "create_outbox",
    "create_sent",
    "mark_sent",
    "outbox_table",
    "sent_table",
    "write",
]
