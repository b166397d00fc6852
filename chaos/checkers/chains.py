"""I8 and what I2 means across services: each has done its part of a payment or a refund, and once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaos.final import Final, Payment, Refund, Verification
from chaos.finding import Finding, Kind
from chaos.history import Record

GIVEN_UP = ("rejected", "failed", "cancelled")
CHARGED = ("awaiting_sms", "expiring", "cancelling", "completed", "timed_out", "cancelled")


def check(_: Sequence[Record], final: Final) -> Iterator[Finding]:
    booked = {transfer.id for transfer in final.transfers}
    refunds: dict[str, list[Refund]] = {}
    for refund in final.refunds:
        refunds.setdefault(refund.of, []).append(refund)
    for payment in final.payments:
        yield from _payment(payment, booked)
        yield from _refunded(payment.user, payment.id, payment.amount, refunds.get(payment.id, []))
    for verification in final.verifications:
        theirs = refunds.get(verification.id, [])
        yield from _verification(verification, theirs, booked)
        yield from _at_most_once(verification, theirs)
    for refund in final.refunds:
        if refund.state == "completed" and refund.transfer not in booked:
            yield Finding(
                "I2", Kind.LOST, "a refund is completed without its transfer", refund.user, (refund.id,)
            )
    yield from _reserved(final, refunds)
    yield from _causeless(final)


def _payment(payment: Payment, booked: set[str]) -> Iterator[Finding]:
    ids = (payment.id, payment.transfer)
    if payment.state == "completed" and payment.transfer not in booked:
        yield Finding("I2", Kind.LOST, "a payment is completed without its transfer", payment.user, ids)
    if payment.state == "completed" and payment.paid is False:
        yield Finding("I8", Kind.DOUBLED, "credited, and the provider was never paid", payment.user, ids)


def _refunded(user: str, id_: str, amount: int, refunds: Sequence[Refund]) -> Iterator[Finding]:
    given = sum(refund.amount for refund in refunds if refund.state not in GIVEN_UP)
    if given > amount:
        yield Finding("I8", Kind.DOUBLED, f"{given} is refunded of {amount}", user, (id_,))


def _verification(
    verification: Verification, refunds: Sequence[Refund], booked: set[str]
) -> Iterator[Finding]:
    ids = (verification.id,)
    if verification.state in CHARGED and verification.price and verification.transfer not in booked:
        words = f"a verification is {verification.state} and not paid for"
        yield Finding("I2", Kind.LOST, words, verification.user, ids)
    owed = verification.state in ("timed_out", "cancelled") and verification.price
    if owed and all(refund.state in ("rejected", "cancelled") for refund in refunds):
        words = f"a verification is {verification.state}, and its price never went back"
        yield Finding("I8", Kind.LOST, words, verification.user, ids)


def _at_most_once(verification: Verification, refunds: Sequence[Refund]) -> Iterator[Finding]:
    given = sum(refund.state not in GIVEN_UP for refund in refunds)
    automatic = sum(refund.auto for refund in refunds)
    if (times := max(given, automatic)) > 1:
        words = f"{given} refunds, {automatic} automatic, of one verification"
        yield Finding("I8", Kind.DOUBLED, words, verification.user, (verification.id,), times - 1)


def _reserved(final: Final, refunds: dict[str, list[Refund]]) -> Iterator[Finding]:
    for refundable in final.refundables:
        theirs = refunds.get(refundable.id, [])
        given = sum(refund.amount for refund in theirs if refund.state not in GIVEN_UP)
        if refundable.reserved != given:
            words = f"{refundable.reserved} is reserved, and {given} refunded"
            yield Finding("I8", Kind.LOST, words, refundable.user, (refundable.id,))


def _causeless(final: Final) -> Iterator[Finding]:
    """Transfers that one service asked for of another, and knows nothing of."""
    payments = {payment.transfer for payment in final.payments}
    refunds = {id_ for refund in final.refunds for id_ in (refund.transfer, refund.compensation)}
    held = {each.hold for each in final.verifications if each.state not in ("failed", "rejected")}
    held |= {each.hold for each in final.refunds if each.state not in GIVEN_UP or each.compensation}
    for transfer in final.transfers:
        of_payment = transfer.source == "payment" and transfer.id not in payments
        if of_payment or (transfer.source == "refund" and transfer.id not in refunds):
            words = f"an addition of a {transfer.source} that is not there"
            yield Finding("I8", Kind.DOUBLED, words, transfer.user, (transfer.id,))
        if transfer.hold is not None and transfer.hold not in held:
            words = "a hold was taken for what was not to be had"
            yield Finding("I8", Kind.DOUBLED, words, transfer.user, (transfer.id, transfer.hold))
