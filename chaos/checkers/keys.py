"""I8: one key has one effect, and one answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from chaos.checkers.transactions import effects_by_key
from chaos.final import Final
from chaos.finding import Finding, Kind
from chaos.history import Record
from chaos.operations import LEDGER, MADE, Operation, operations


def check(records: Sequence[Record], final: Final) -> Iterator[Finding]:
    effects = effects_by_key(final)
    for operation in operations(records):
        for name in MADE:
            made = operation.made(name)
            if name == "transfer_id":
                made |= effects.get(operation.key, set())
            if len(made) > 1:
                words = f"one key, {len(made)} different {name}"
                ids = (operation.key, *sorted(made))
                yield Finding("I8", Kind.DOUBLED, words, operation.user, ids, len(made) - 1)
        if operation.f in LEDGER and (others := _answers(operation) - 1) > 0:
            words = f"one key, {others + 1} different answers"
            yield Finding("I8", Kind.DOUBLED, words, operation.user, (operation.key,), others)


def _answers(operation: Operation) -> int:
    """How many different ones. (What else is asked for goes on, and says so when it is asked again.)"""
    bodies = [each.value["body"] for each in operation.oks if "body" in each.value]
    if len(operation.made("transfer_id")) > 1:
        return 1  # It is said already.
    return len({orjson.dumps(body, option=orjson.OPT_SORT_KEYS) for body in bodies})
