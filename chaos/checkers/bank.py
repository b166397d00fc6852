"""I1, after Jepsen's bank: the ledger sums to zero, a balance is the sum of its entries, none is negative."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from chaos.final import Final
from chaos.finding import Finding, Kind
from chaos.history import Record


def check(_: Sequence[Record], final: Final) -> Iterator[Finding]:
    yield from _transfers(final)
    yield from _accounts(final)


def _transfers(final: Final) -> Iterator[Finding]:
    sums: Counter[str] = Counter()
    theirs: Counter[str] = Counter()
    for entry in final.entries:
        sums[entry.transfer] += entry.amount
        if entry.user is not None:
            theirs[entry.transfer] += entry.amount
    for transfer in final.transfers:
        change = -transfer.amount if transfer.kind == "deduction" else transfer.amount
        left, booked = sums.pop(transfer.id, 0), theirs[transfer.id]
        if left or booked != change:
            words = f"a {transfer.kind} of {transfer.amount} books {booked} and leaves {left}"
            yield _broken(words, transfer.user, transfer.id)
        if transfer.balance_after < 0:
            yield _broken(f"it left a balance of {transfer.balance_after}", transfer.user, transfer.id)
    for orphan in sums:
        yield _broken("entries of no transfer", "", orphan)


def _accounts(final: Final) -> Iterator[Finding]:
    booked: Counter[tuple[str | None, str]] = Counter()
    for entry in final.entries:
        booked[entry.user, entry.currency] += entry.amount
    placed: Counter[tuple[str, str]] = Counter()
    for hold in final.holds:
        placed[hold.user, hold.currency] += hold.amount if hold.status == "placed" else 0
    for account in final.accounts:
        place = (account.user, account.currency)
        if account.posted != booked[place]:
            words = f"posted is {account.posted}, and the entries sum to {booked[place]}"
            yield _broken(words, account.user)
        if account.held != placed[place]:
            words = f"held is {account.held}, and the holds placed sum to {placed[place]}"
            yield _broken(words, account.user)
        if account.held < 0 or account.posted < account.held:
            words = f"overdrawn: posted {account.posted}, held {account.held}"
            yield _broken(words, account.user)


def _broken(words: str, user: str, *ids: str) -> Finding:
    return Finding("I1", Kind.LOST, words, user, ids)
