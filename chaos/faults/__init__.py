"""Faults in modules by what they break; importing this enters all of them."""

from chaos.faults import broker, clients, clock, database, messages, network, processes, upgrade
from chaos.faults.registry import FAULTS, Fault, NotInjected

__all__ = [
    "FAULTS",
    "Fault",
    "NotInjected",
    "broker",
    "clients",
    "clock",
    "database",
    "messages",
    "network",
    "processes",
    "upgrade",
]
