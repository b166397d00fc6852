"""The inbox: an event has its effect once because its id is unique here for ever, not for a window."""

from shared.inbox.known import is_new
from shared.inbox.letters import WAITING, DeadLetters, LetterClosed, UnknownLetter
from shared.inbox.parked import ParkedStore
from shared.inbox.parking import ParkedEvent, park, storable, transfer_of, user_of
from shared.inbox.recap import RecapStore
from shared.inbox.repair import RepairRequests, tell_kept
from shared.inbox.subscriber import Subscriber, Subscriptions
from shared.inbox.table import create_inbox, inbox_table, parked_event_table

__all__ = [
    "WAITING",
    "DeadLetters",
    "LetterClosed",
    "ParkedEvent",
    "ParkedStore",
    "RecapStore",
    "RepairRequests",
    "Subscriber",
    "Subscriptions",
    "UnknownLetter",
    "create_inbox",
    "inbox_table",
    "is_new",
    "park",
    "parked_event_table",
    "storable",
    "tell_kept",
    "transfer_of",
    "user_of",
]
