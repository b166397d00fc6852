"""The contracts services meet in: every event of the catalogue and the envelope it travels in."""

from shared.events.catalogue import CATALOGUE, exchange_of, lane_of
from shared.events.contract import BalanceChange, Event, Lane
from shared.events.envelope import Envelope, InvalidEvent, UnknownEvent

__all__ = [
    "CATALOGUE",
    "BalanceChange",
    "Envelope",
    "Event",
    "InvalidEvent",
    "Lane",
    "UnknownEvent",
    "exchange_of",
    "lane_of",
]
