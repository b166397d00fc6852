"""I2: every operation that was ok exists, none that failed does, and the ledger holds nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from chaos.final import Final, Transfer
from chaos.finding import Finding, Kind
from chaos.history import Record
from chaos.operations import LEDGER, MADE, Operation, operations

Owners: TypeAlias = Mapping[str, Mapping[str, str]]
DIRECT = (None, "manual", "bonus")  # Sources of transfers that somebody asked the ledger for.


def check(records: Sequence[Record], final: Final) -> Iterator[Finding]:
    owners: Owners = {
        "transfer_id": {each.id: each.user for each in final.transfers},
        "payment_id": {each.id: each.user for each in final.payments},
        "refund_id": {each.id: each.user for each in final.refunds},
        "verification_id": {each.id: each.user for each in final.verifications},
    }
    transfers = {transfer.id: transfer for transfer in final.transfers}
    effects = effects_by_key(final)
    explained: set[str] = set()
    for operation in operations(records):
        done = effects.get(operation.key, set())
        explained |= done | operation.made("transfer_id")
        yield from _existing(operation, owners)
        if operation.f in LEDGER:
            yield from _as_asked(operation, transfers)
        if operation.failed and done:
            words = f"the {operation.f} was refused, and done all the same"
            yield Finding("I2", Kind.DOUBLED, words, operation.user, (operation.key, *sorted(done)))
    for transfer in final.transfers:
        if transfer.hold is None and transfer.source in DIRECT and transfer.id not in explained:
            words = f"a {transfer.kind} that nobody asked for"
            yield Finding("I2", Kind.DOUBLED, words, transfer.user, (transfer.id,))


def effects_by_key(final: Final) -> dict[str, set[str]]:
    """The transfers that were booked under each key: as the ledger answers, or as they say themselves."""
    there = {transfer.id for transfer in final.transfers}
    found: dict[str, set[str]] = {}
    for answer in final.answers:
        if answer.transfer in there:
            found.setdefault(answer.key, set()).add(str(answer.transfer))
    for transfer in final.transfers:
        if transfer.reference is not None:
            found.setdefault(transfer.reference, set()).add(transfer.id)
    return found


def _existing(operation: Operation, owners: Owners) -> Iterator[Finding]:
    for name in MADE:
        for id_ in sorted(operation.made(name)):
            owner = owners[name].get(id_)
            if owner is None:
                words = f"the {operation.f} was ok, and its {name} is not there"
                yield Finding("I2", Kind.LOST, words, operation.user, (operation.key, id_))
            elif owner != operation.user:
                words = f"the {operation.f} was answered with {name} of {owner}"
                yield Finding("I7", Kind.LEAKED, words, operation.user, (operation.key, id_))


def _as_asked(operation: Operation, transfers: Mapping[str, Transfer]) -> Iterator[Finding]:
    kind = "deduction" if operation.f == "debit" else "addition"
    for id_ in sorted(operation.made("transfer_id")):
        transfer = transfers.get(id_)
        if transfer is not None and (transfer.kind, transfer.amount) != (kind, operation.amount):
            words = f"a {operation.f} of {operation.amount} became a {transfer.kind} of {transfer.amount}"
            yield Finding("I2", Kind.LOST, words, operation.user, (operation.key, id_))
