"""I4 and I9, after Jepsen's total-queue: what went in comes out once, and nothing comes out of nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from chaos.final import Final, Notification, Refund
from chaos.finding import Finding, Kind
from chaos.history import Record

# Whose, what kind, and of which transfer or of what else it is.
Notice: TypeAlias = tuple[str, str, str]

OF_TRANSFERS = ("credit.deducted", "credit.added", "payment.completed", "refund.completed")
LOW_BALANCE = "credit.low_balance"


def check(records: Sequence[Record], final: Final) -> Iterator[Finding]:
    due, possible = expected(final)
    shown = Counter(map(notice_of, final.notifications))
    for user, kind, subject in sorted(due - shown.keys()):
        yield Finding("I4", Kind.LOST, f"no {kind} was ever shown", user, (subject,))
    for notice, times in sorted(shown.items()):
        user, kind, subject = notice
        if notice not in due | possible:
            words = f"{kind} was shown of what never happened"
            yield Finding("I9", Kind.DOUBLED, words, user, (subject,), times)
        elif times > 1 and kind != LOW_BALANCE:
            words = f"{kind} was shown {times} times"
            yield Finding("I4", Kind.DOUBLED, words, user, (subject,), times - 1)
    yield from _inboxes(records, final)
    yield from _balances(final)
    yield from _never_stored(records, final)


def notice_of(notification: Notification) -> Notice:
    subject = notification.link.rpartition("/")[2]
    if notification.kind in OF_TRANSFERS:
        subject = notification.transfer or ""
    return (notification.user, notification.kind, "" if notification.kind == LOW_BALANCE else subject)


def expected(final: Final) -> tuple[set[Notice], set[Notice]]:
    """What must have been shown by what the other services have come to, and what may have been besides."""
    due: set[Notice] = set()
    possible = {(each.user, LOW_BALANCE, "") for each in final.accounts if each.threshold > 0}
    for transfer in final.transfers:
        if transfer.kind == "deduction":
            due.add((transfer.user, "credit.deducted", transfer.id))
        elif transfer.source not in ("payment", "refund"):  # Those are told by who asked for them.
            due.add((transfer.user, "credit.added", transfer.id))
    for payment in final.payments:
        due.add((payment.user, "payment.initiated", payment.id))
        failed = (payment.user, "payment.failed", payment.id)
        if payment.state == "completed":
            due.add((payment.user, "payment.completed", payment.transfer))
        # A late success wins over a failure that was told.
        (due if payment.state in ("failed", "expired", "cancelled") else possible).add(failed)
    for verification in final.verifications:
        user, id_ = verification.user, verification.id
        if verification.state not in ("holding", "rejected"):
            due.add((user, "verification.initiated", id_))
        if verification.state == "completed":
            due.add((user, "verification.code_received", id_))
        if verification.state == "failed":
            due.add((user, "verification.failed", id_))
    for refund in final.refunds:
        due |= {(refund.user, kind, subject) for kind, subject in _of_refund(refund)}
    return due, possible


def _of_refund(refund: Refund) -> Iterator[tuple[str, str]]:
    if not refund.auto and refund.state not in ("holding", "rejected"):
        yield "refund.initiated", refund.id
    if not refund.auto and refund.told:
        yield "refund.processing", refund.id
    if refund.state == "completed" or refund.compensation is not None:
        yield "refund.completed", refund.transfer or ""
    if refund.state in ("failed", "cancelled"):
        yield f"refund.{refund.state}", refund.id


def _inboxes(records: Sequence[Record], final: Final) -> Iterator[Finding]:
    poison = {
        str(id_) for each in records if each.process == "nemesis" for id_ in each.value.get("poison", ())
    }
    for parked in final.parked:
        if parked.state == "parked" and parked.id not in poison:
            words = f"{parked.service} has parked what was not poison: {parked.reason}"
            yield Finding("I4", Kind.STUCK, words, ids=(parked.id,))
    for service, ids in final.twice.items():
        for id_ in ids:
            yield Finding("I4", Kind.DOUBLED, f"{service} has taken an event in twice", ids=(id_,))


def _balances(final: Final) -> Iterator[Finding]:
    """Every change of an account is told, so that the last that was told is the account."""
    told = {(each.user, each.currency): each for each in final.balances}
    for account in final.accounts:
        known = told.get((account.user, account.currency))
        newest = (account.version, account.posted, account.held)
        last = (0, 0, 0) if known is None else (known.version, known.posted, known.held)
        if last != newest:
            words = f"version, posted, held are {newest}, and {last} was told last"
            yield Finding("I4", Kind.LOST, words, account.user)


def _never_stored(records: Sequence[Record], final: Final) -> Iterator[Finding]:
    """What a tab was shown and the table does not have was rolled back, or is not its owner's."""
    owners = {notification.id: notification.user for notification in final.notifications}
    seen: set[tuple[str, str]] = set()
    for record in records:
        if record.f == "frame":
            for frame in frames_of(record):
                if frame.get("type") == "notification" and (record.key, frame["id"]) not in seen:
                    seen.add((record.key, frame["id"]))
                    owner = owners.get(frame["id"])
                    if owner is None:
                        words = f"{frame['kind']} was shown, and was never stored"
                        yield Finding("I9", Kind.DOUBLED, words, record.key, (frame["id"],))
                    elif owner != record.key:
                        words = f"{frame['kind']} of {owner} was shown"
                        yield Finding("I7", Kind.LEAKED, words, record.key, (frame["id"],))


def frames_of(record: Record) -> list[dict[str, Any]]:
    """The frame, or those of a batch."""
    frame = record.value
    return list(frame["frames"]) if frame.get("type") == "batch" else [frame]
