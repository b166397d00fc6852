"""I10: once all is healed, what waits anywhere comes to nothing, and soon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaos.final import Final
from chaos.finding import Finding, Kind
from chaos.history import Record
from chaos.operations import parameter, phase_at

DRAIN_SECONDS = 60.0
# States that a row leaves by itself; in others it waits for a person, or is at its end.
MOVING = {
    "payment": ("initiated", "unknown", "succeeded", "requires_review"),
    "verification": ("holding", "requested", "unknown", "expiring", "cancelling", "requires_review"),
    "refund": ("holding", "processing"),
}
OVER = ("failed", "rejected", "cancelled", "completed", "timed_out")


def check(records: Sequence[Record], final: Final) -> Iterator[Finding]:
    yield from _in_time(records)
    for service, rows in final.unsent.items():
        yield from _waiting(rows, f"events in the outbox of {service}")
    for service, rows in final.unprocessed.items():
        yield from _waiting(rows, f"webhooks at {service}")
    for queue, messages in final.queues.items():
        yield from _waiting(messages, f"messages in {queue}")
    yield from _waiting(sum(each.state == "attempting" for each in final.parked), "parked events half tried")
    for name, rows_of in (
        ("payment", final.payments),
        ("verification", final.verifications),
        ("refund", final.refunds),
    ):
        for row in rows_of:
            if row.state in MOVING[name]:
                yield Finding("I10", Kind.STUCK, f"a {name} is still {row.state}", row.user, (row.id,))
    for payment in final.payments:
        if payment.paid and payment.state in ("pending", "failed", "expired", "cancelled"):
            words = f"the provider was paid, and the payment is {payment.state}"
            yield Finding("I10", Kind.STUCK, words, payment.user, (payment.id,))
    yield from _holds(final)


def _in_time(records: Sequence[Record]) -> Iterator[Finding]:
    bound = parameter(records, "drain_seconds", DRAIN_SECONDS)
    healed, drained = phase_at(records, "heal"), phase_at(records, "drained")
    waits = next(
        (str(each.value["left"]) for each in records if (each.process, each.f) == ("run", "waiting")), ""
    )
    if healed is not None and (drained is None or drained - healed > bound or waits):
        took = "never came to an end" if drained is None or waits else f"took {drained - healed:.0f} s"
        yield Finding("I10", Kind.STUCK, f"draining {took}, where {bound:g} s were given: {waits}")


def _waiting(count: int, what: str) -> Iterator[Finding]:
    if count:
        yield Finding("I10", Kind.STUCK, what, count=count)


def _holds(final: Final) -> Iterator[Finding]:
    """Credits set aside for what is over."""
    wanted = {each.hold for each in final.verifications if each.state not in OVER}
    wanted |= {each.hold for each in final.refunds if each.state not in OVER}
    for hold in final.holds:
        if hold.status == "placed" and hold.id not in wanted:
            yield Finding("I10", Kind.STUCK, f"{hold.amount} is held for nothing", hold.user, (hold.id,))
