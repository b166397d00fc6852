"""I11: nothing is held for good: sessions, channels, memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaos.final import Final, Resources
from chaos.finding import Finding, Kind
from chaos.history import Record

SESSIONS = 8 + 2  # As many as a pool may hold, whenever it needs them; and some look around beside it.
MEMORY_FACTOR, MEMORY_BYTES = 2, 64 * 2**20


def check(records: Sequence[Record], final: Final) -> Iterator[Finding]:
    values = [each.value for each in records if (each.process, each.f) == ("run", "resources")]
    if not values:
        return
    before, after = Resources(**values[0]), final.resources
    for service, idle in after.idle_in_transaction.items():
        if idle:
            yield _leaked(service, f"{idle} sessions idle in a transaction", idle)
    for service, sessions in after.sessions.items():
        if sessions > SESSIONS:
            yield _leaked(service, f"{sessions} sessions of at most {SESSIONS}", sessions - SESSIONS)
    for service, channels in after.channels.items():
        bound = before.channels.get(service, 0)
        if channels > bound:
            yield _leaked(service, f"{channels} channels, {bound} before", channels - bound)
    for service, memory in after.memory.items():
        was = before.memory.get(service, memory)
        if memory > max(MEMORY_FACTOR * was, was + MEMORY_BYTES):
            yield _leaked(service, f"{memory >> 20} MiB, {was >> 20} MiB before")


def _leaked(service: str, words: str, count: int = 1) -> Finding:
    return Finding("I11", Kind.LEAKED, f"{service}: {words}", count=count)
