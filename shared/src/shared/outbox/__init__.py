"""The transactional outbox: events commit with the money, leave right after, and are never forgotten."""

from shared.outbox.direct import DirectPublisher
from shared.outbox.outbox import Outbox, OutboxTransaction
from shared.outbox.relay import Relay
from shared.outbox.table import OUTBOX_COLUMNS, create_outbox, outbox_table, write

__all__ = [
    "OUTBOX_COLUMNS",
    "DirectPublisher",
    "Outbox",
    "OutboxTransaction",
    "Relay",
    "create_outbox",
    "outbox_table",
    "write",
]
