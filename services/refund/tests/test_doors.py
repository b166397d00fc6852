"""Every state of each kind, through every real door: requests, events and errands, on the real tables."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from refund.domain.errors import UnknownRefund
from services.refund.tests.bench import OPERATOR, SERVICE, USER, Bench
from shared.events.credit import CreditAdded, CreditRejected

if TYPE_CHECKING:
    from asyncpg import Record

PROCESSING, COMPLETED, FAILED = ["refund.processing"], ["refund.completed"], ["refund.failed"]
AUTOMATIC = ["refund.initiated", "refund.processing"]

# Kind, state and door → the state afterwards, and what is said. Whatever is not listed changes nothing.
EFFECTS: dict[tuple[str, str, str], tuple[str, list[str]]] = {
    ("money", "holding", "errand"): ("rejected", []),
    ("money", "initiated", "process"): ("processing", PROCESSING),
    ("money", "initiated", "errand"): ("processing", PROCESSING),
    ("money", "initiated", "cancel"): ("cancelled", ["refund.cancelled"]),
    ("money", "processing", "returned"): ("posting", []),
    ("money", "processing", "refused"): ("voiding", []),
    ("money", "processing", "errand"): ("processing", PROCESSING),  # A reminder.
    ("money", "posting", "errand"): ("completed", COMPLETED),
    ("money", "posting", "refused"): ("voiding", []),
    ("money", "voiding", "errand"): ("failed", FAILED),
    ("money", "completed", "refused"): ("reversed", FAILED),
    ("money", "reversed", "errand"): ("reversed", FAILED),  # A reminder.
    ("by hand", "initiated", "process"): ("processing", PROCESSING),
    ("by hand", "initiated", "errand"): ("processing", PROCESSING),
    ("by hand", "initiated", "cancel"): ("cancelled", ["refund.cancelled"]),
    ("by hand", "initiated", "timed out"): ("processing", PROCESSING),
    ("by hand", "initiated", "given up"): ("processing", PROCESSING),
    ("by hand", "processing", "added"): ("completed", COMPLETED),
    ("by hand", "processing", "rejected"): ("failed", FAILED),
    ("by hand", "processing", "errand"): ("processing", PROCESSING),  # A reminder.
    # The automatic refund, since there is none that stands in its way.
    ("by hand", "failed", "timed out"): ("failed", AUTOMATIC),
    ("by hand", "failed", "given up"): ("failed", AUTOMATIC),
    ("by hand", "cancelled", "timed out"): ("cancelled", AUTOMATIC),
    ("by hand", "cancelled", "given up"): ("cancelled", AUTOMATIC),
    ("automatic", "processing", "added"): ("completed", COMPLETED),
    ("automatic", "processing", "rejected"): ("failed", FAILED),
    ("automatic", "processing", "errand"): ("processing", PROCESSING),  # A reminder.
}
STATES = {
    "money": (
        *("holding", "rejected", "initiated", "processing", "posting", "voiding"),
        *("completed", "failed", "reversed", "cancelled"),
    ),
    "by hand": ("rejected", "initiated", "processing", "completed", "failed", "cancelled"),
    "automatic": ("processing", "completed", "failed"),
}
CASES = [(kind, state) for kind, states in STATES.items() for state in states]
PROCESSED = {"initiated", "processing", "posting", "voiding", "completed"}


async def made(bench: Bench, kind: str, state: str) -> tuple[str, UUID]:
    """A user's refund of this kind that has come into this state as it does in life; both ids."""
    user = await bench.user_with("10.00")
    id_ = await {"money": to_card, "by hand": by_hand, "automatic": automatic}[kind](bench, user, state)
    assert stage(await bench.row(id_)) == state
    return user, id_


async def to_card(bench: Bench, user: str, state: str) -> UUID:
    payment = await bench.paid(user, 10_00)
    if state in ("holding", "rejected"):
        bench.line.cut = "before"
        await bench.ask(user, payment_id=payment)
        bench.line.cut = None
        (left,) = (await bench.call("GET", f"?user_id={user}", "op", roles=OPERATOR)).json()["items"]
        if state == "rejected":
            await bench.do(left["refund_id"])
        return UUID(left["refund_id"])
    refund = (await bench.ask(user, payment_id=payment)).json()
    id_ = UUID(refund["refund_id"])
    if state == "cancelled":
        await bench.cancel(id_, user)
    elif state != "initiated":
        await bench.process(id_)
    if state in ("posting", "completed", "reversed"):
        await bench.returned(refund)
    if state in ("voiding", "failed"):
        await bench.refused(refund)
    if state in ("completed", "failed", "reversed"):
        await bench.do(id_)
    if state == "reversed":
        await bench.refused(refund)
    return id_


async def by_hand(bench: Bench, user: str, state: str) -> UUID:
    if state == "rejected":
        payment = await bench.paid(user, 10_00)
        body: dict[str, Any] = {"payment_id": payment, "kind": "credit", "amount": "10.01"}
        return UUID((await bench.ask("op", roles=OPERATOR, **body)).json()["refund_id"])
    id_ = UUID((await bench.ask(user, verification_id=await bench.verified(user))).json()["refund_id"])
    if state == "cancelled":
        await bench.cancel(id_, user)
    elif state != "initiated":
        await bench.process(id_)
        await ended_at_credit(bench, id_, state)
    return id_


async def automatic(bench: Bench, user: str, state: str) -> UUID:
    await bench.timed_out(user, await bench.bought(user))
    (left,) = (await bench.call("GET", "", user)).json()["items"]
    await ended_at_credit(bench, UUID(left["refund_id"]), state)
    return UUID(left["refund_id"])


async def ended_at_credit(bench: Bench, id_: UUID, state: str) -> None:
    row = await bench.row(id_)
    if state == "completed":
        await bench.hear(added(row), row["user_id"])
    if state == "failed":
        await bench.hear(rejected(row), row["user_id"])


def stage(row: Record) -> str:
    """The state, and what the machine knows beyond what is shown."""
    if row["state"] == "failed" and row["compensation_transfer_id"] is not None:
        return "reversed"
    outcome = {"refunded": "posting", "refused": "voiding"}.get(row["provider_outcome"] or "")
    return outcome if row["state"] == "processing" and outcome else str(row["state"])


def added(row: Record) -> CreditAdded:
    return CreditAdded(
        transfer_id=row["transfer_id"] or uuid4(),
        currency="USD",
        amount_minor=row["amount_minor"],
        balance_after=11_00,
        held_after=0,
        version=9,
        source="refund",
        reason="r",
    )


def rejected(row: Record) -> CreditRejected:
    return CreditRejected(
        transfer_id=row["transfer_id"] or uuid4(),
        currency="USD",
        amount_minor=row["amount_minor"],
        source="refund",
        reason="the account is closed",
    )


def as_told_by_payment(row: Record) -> dict[str, Any]:
    amount = f"{row['amount_minor'] // 100}.{row['amount_minor'] % 100:02}"
    named = {name: row[name] for name in ("user_id", "currency")}
    return {**named, "refund_id": row["id"], "amount": amount, "payment_id": row["payment_id"] or uuid4()}


async def process(bench: Bench, row: Record) -> None:
    answer = await bench.process(row["id"])
    assert answer.status_code == (200 if stage(row) in PROCESSED else 409)


async def cancel(bench: Bench, row: Record) -> None:
    answer = await bench.cancel(row["id"], row["user_id"])
    expected = {"holding": 404, "initiated": 200, "cancelled": 200}
    assert answer.status_code == expected.get(stage(row), 409)


async def hear_added(bench: Bench, row: Record) -> None:
    await bench.hear(added(row), row["user_id"])


async def hear_rejected(bench: Bench, row: Record) -> None:
    await bench.hear(rejected(row), row["user_id"])


async def returned(bench: Bench, row: Record) -> None:
    await of_the_card(bench.returned(as_told_by_payment(row)), row)


async def refused(bench: Bench, row: Record) -> None:
    await of_the_card(bench.refused(as_told_by_payment(row)), row)


async def of_the_card(told: Awaitable[None], row: Record) -> None:
    """Payment has no say in a refund to the balance: such an event is parked."""
    if row["kind"] == "money":
        await told
    else:
        with pytest.raises(UnknownRefund):
            await told


async def timed_out(bench: Bench, row: Record) -> None:
    if row["verification_id"] is not None:
        await bench.timed_out(row["user_id"], row["verification_id"])


async def given_up(bench: Bench, row: Record) -> None:
    if row["verification_id"] is not None:
        await bench.was_cancelled(row["user_id"], row["verification_id"])


async def errand(bench: Bench, row: Record) -> None:
    await bench.do(row["id"])


DOORS: dict[str, Callable[[Bench, Record], Awaitable[None]]] = {
    "process": process,
    "cancel": cancel,
    "added": hear_added,
    "rejected": hear_rejected,
    "returned": returned,
    "refused": refused,
    "timed out": timed_out,
    "given up": given_up,
    "errand": errand,
}


def fixed(row: Record) -> dict[str, Any]:
    """All of it but when it is looked at again."""
    return {name: value for name, value in row.items() if name not in ("due_at", "due_in", "attempts")}


@pytest.mark.parametrize(("kind", "state"), CASES)
async def test_a_door_that_a_state_has_not_changes_nothing(bench: Bench, kind: str, state: str) -> None:
    user, id_ = await made(bench, kind, state)
    before, said = await bench.row(id_), await bench.published(user)
    reserved = await bench.reserved(before["refundable_id"])

    for name, door in DOORS.items():
        if (kind, state, name) not in EFFECTS:
            await door(bench, before)
            assert fixed(await bench.row(id_)) == fixed(before), name
            assert await bench.published(user) == said, name
            assert await bench.reserved(before["refundable_id"]) == reserved, name


@pytest.mark.parametrize(("kind", "state", "door"), EFFECTS)
async def test_a_door_that_a_state_has_leads_where_it_is_listed(
    bench: Bench, kind: str, state: str, door: str
) -> None:
    user, id_ = await made(bench, kind, state)
    before, said = await bench.row(id_), await bench.published(user)

    await DOORS[door](bench, before)

    found = (stage(await bench.row(id_)), (await bench.published(user))[len(said) :])
    assert found == EFFECTS[kind, state, door]


async def test_a_refund_that_nobody_knows_is_parked_or_nobodys(bench: Bench) -> None:
    user, id_ = await made(bench, "money", "processing")
    unknown = {**as_told_by_payment(await bench.row(id_)), "refund_id": uuid4()}

    for tell in (bench.returned, bench.refused):
        with pytest.raises(UnknownRefund):
            await tell(unknown)
    assert (
        (await bench.process(uuid4())).status_code == (await bench.cancel(uuid4(), user)).status_code == 404
    )
    await bench.do(uuid4())

    assert await bench.state(id_) == "processing"


async def test_what_credit_books_for_others_is_no_refunds(bench: Bench) -> None:
    user, id_ = await made(bench, "by hand", "processing")
    row = await bench.row(id_)

    for event in (added(row), rejected(row)):
        await bench.hear(event.model_copy(update={"source": "payment"}), user)

    assert fixed(await bench.row(id_)) == fixed(row)


async def test_somebody_elses_refund_is_not_there(bench: Bench) -> None:
    user, id_ = await made(bench, "by hand", "initiated")
    stranger = await bench.user_with()
    before = await bench.row(id_)

    seen = await bench.call("GET", f"/{id_}", stranger)
    cancelled = await bench.cancel(id_, stranger)
    theirs = await bench.call("GET", f"?user_id={user}", stranger)
    own = await bench.call("GET", "", stranger)
    asked = await bench.ask(stranger, verification_id=before["verification_id"])
    nobody = [await bench.call("GET", f"?user_id={name}", "op", roles=OPERATOR) for name in ("%00", "")]

    assert [answer.status_code for answer in (seen, cancelled, theirs, asked, *nobody)] == [404] * 6
    assert own.json()["items"] == []
    assert fixed(await bench.row(id_)) == fixed(before)
    assert (await bench.call("GET", f"/{id_}", user)).json()["refund_id"] == str(id_)


@pytest.mark.parametrize(("roles", "status"), [(USER, 403), (OPERATOR, 200), (SERVICE, 200)])
async def test_only_operators_and_services_process(bench: Bench, roles: tuple[str, ...], status: int) -> None:
    user, id_ = await made(bench, "by hand", "initiated")

    answer = await bench.call("POST", f"/{id_}/process", user, roles=roles)

    assert answer.status_code == status
    assert await bench.state(id_) == ("initiated" if status == 403 else "processing")


@pytest.mark.parametrize("roles", [OPERATOR, SERVICE])
async def test_operators_and_services_see_and_cancel_everybodys(bench: Bench, roles: tuple[str, ...]) -> None:
    user, id_ = await made(bench, "by hand", "initiated")

    listed = await bench.call("GET", f"?user_id={user}", "somebody", roles=roles)
    seen = await bench.call("GET", f"/{id_}", "somebody", roles=roles)
    cancelled = await bench.call("POST", f"/{id_}/cancel", "somebody", roles=roles)

    assert [item["refund_id"] for item in listed.json()["items"]] == [seen.json()["refund_id"]] == [str(id_)]
    assert cancelled.json()["state"] == "cancelled"
