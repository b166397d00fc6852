"""I1, I2 and I8: books that do not balance, transactions that are not there, keys with two effects."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos.final import Answer, Entry, Hold, Refund
from chaos.tests.example import World

# -------------------------------------------------------------- I1, the bank


def test_an_entry_that_is_missing(world: World) -> None:
    world.end()
    world.entries.pop()  # The system's side: the balance is right, the sum is not.
    assert world.counts == {"lost": 1}


def test_entries_of_no_transfer(world: World) -> None:
    world.end()
    world.entries += [Entry("nobody's", None, "USD", 5), Entry("nobody's", None, "USD", -4)]
    assert world.counts == {"lost": 1}


def test_entries_that_sum_to_zero_and_are_not_what_was_booked(world: World) -> None:
    world.end()
    *others, mine, theirs = world.entries
    world.entries = [
        *others,
        replace(mine, amount=mine.amount + 1),
        replace(theirs, amount=theirs.amount - 1),
    ]
    assert world.counts == {"lost": 2}  # The transfer, and the balance that is not its entries' sum.


def test_a_balance_that_is_not_the_sum_of_its_entries(world: World) -> None:
    world.end()
    wrong = replace(world.accounts["ada"], posted=world.accounts["ada"].posted + 1)
    world.accounts["ada"] = world.balances["ada"] = wrong
    assert [finding.invariant for finding in world.verdict.findings] == [
        "I1",
        "I6",
        "I6",
    ]  # On both tabs, too.


def test_a_balance_below_zero(world: World) -> None:
    world.debit("bob", 100_000)
    world.end()
    assert world.counts == {"lost": 2}  # The transfer left it there, and there it is.


def test_held_credits_of_no_hold(world: World) -> None:
    world.end()
    world.accounts["ada"] = replace(world.accounts["ada"], held=5)
    world.balances["ada"] = replace(world.balances["ada"], held=5)
    found = [finding for finding in world.verdict.findings if finding.invariant == "I1"]
    assert [finding.words for finding in found] == ["held is 5, and the holds placed sum to 0"]


# -------------------------------------------------------------- I2, ok, fail and info


def test_an_ok_that_is_not_there(world: World) -> None:
    world.operate("debit", "ada", 5, transfer_id="gone")
    world.end()
    assert world.counts == {"lost": 1}


def test_a_payment_that_was_ok_and_is_not_there(world: World) -> None:
    world.operate("pay", "ada", 5, payment_id="gone")
    world.end()
    assert world.counts == {"lost": 1}


def test_a_debit_of_another_amount_than_was_asked_for(world: World) -> None:
    transfer = world.book("ada", -70)
    world.notify("ada", "credit.deducted", "/history", transfer)
    world.operate("debit", "ada", 7, transfer_id=transfer)
    world.end()
    assert world.counts == {"lost": 1}


def test_a_refusal_that_was_done_all_the_same(world: World) -> None:
    transfer = world.book("ada", -7)
    world.notify("ada", "credit.deducted", "/history", transfer)
    asked = {"user": "ada", "amount": "0.07", "currency": "USD"}
    world.say("ada", "debit", "invoke", "refused", **asked)
    world.say("ada", "debit", "fail", "refused", **asked, status=402, code="insufficient_credits")
    world.answers.append(Answer("refused", 201, transfer))
    world.end()
    assert world.counts == {"doubled": 1}


@pytest.mark.parametrize("done", [False, True])
def test_what_was_not_answered_may_have_been_done_or_not(world: World, done: bool) -> None:
    asked = {"user": "ada", "amount": "0.07", "currency": "USD"}
    world.say("ada", "debit", "invoke", "unknown", **asked)
    if done:
        transfer = world.book("ada", -7)
        world.notify("ada", "credit.deducted", "/history", transfer)
        world.answers.append(Answer("unknown", 201, transfer))
    world.say("ada", "debit", "info", "unknown", **asked, error="ReadTimeout")
    world.end()
    assert world.counts == {}


def test_a_transfer_that_nobody_asked_for(world: World) -> None:
    world.notify("ada", "credit.deducted", "/history", world.book("ada", -7))
    world.end()
    assert world.counts == {"doubled": 1}


def test_an_answer_that_is_somebody_elses(world: World) -> None:
    transfer = world.book("bob", -7)
    world.notify("bob", "credit.deducted", "/history", transfer)
    world.operate("debit", "ada", 7, transfer_id=transfer)
    world.end()
    assert world.counts == {"leaked": 1}


# -------------------------------------------------------------- I8, one key


def test_one_key_with_two_effects(world: World) -> None:
    key = world.debit("ada", 7)
    again = world.book("ada", -7)
    world.notify("ada", "credit.deducted", "/history", again)
    world.transfers[-1] = replace(world.transfers[-1], reference=key)
    world.end()
    assert world.counts == {"doubled": 1}


def test_one_key_that_was_not_answered_twice_with_two_effects(world: World) -> None:
    asked = {"user": "ada", "amount": "0.07", "currency": "USD"}
    for _ in range(2):
        world.say("ada", "debit", "invoke", "unknown", **asked)
        transfer = world.book("ada", -7)
        world.notify("ada", "credit.deducted", "/history", transfer)
        world.answers.append(Answer("unknown", 201, transfer))
    world.end()
    assert world.counts == {"doubled": 1}


def test_one_key_with_two_payments(world: World) -> None:
    first, second = world.pay("ada", 500), world.pay("ada", 500)
    key = next(each.key for each in world.records if each.value.get("payment_id") == first)
    world.records = [
        replace(each, key=key) if each.value.get("payment_id") == second else each for each in world.records
    ]
    world.end()
    assert world.counts == {"doubled": 1}


def test_one_key_with_two_answers(world: World) -> None:
    key = world.debit("ada", 7)
    answered = next(each for each in reversed(world.records) if each.key == key)
    world.say("ada", "debit", "invoke", key, user="ada", amount="0.07", currency="USD")
    again = answered.value | {"body": answered.value["body"] | {"balance_after": "1.00"}}
    world.say("ada", "debit", "ok", key, **again)
    world.end()
    assert world.counts == {"doubled": 1}


def test_one_key_answered_the_same_again(world: World) -> None:
    key = world.debit("ada", 7)
    answered = next(each for each in reversed(world.records) if each.key == key)
    world.say("ada", "debit", "invoke", key, user="ada", amount="0.07", currency="USD")
    world.say("ada", "debit", "ok", key, **answered.value)
    world.end()
    assert world.counts == {}


# -------------------------------------------------------------- I8 and I2 across services


def test_more_refunded_than_paid(world: World) -> None:
    payment = world.pay("ada", 500)
    world.refund("ada", payment, 300)
    world.refund("ada", payment, 300)
    world.end()
    assert world.counts == {"doubled": 1}


def test_a_refund_in_parts_and_one_that_was_rejected(world: World) -> None:
    payment = world.pay("ada", 500)
    world.refund("ada", payment, 300)
    world.refund("ada", payment, 200)
    world.refunds.append(Refund("too much", "ada", payment, "credit", False, 200, "rejected"))
    world.end()
    assert world.counts == {}


def test_two_automatic_refunds_of_one_verification(world: World) -> None:
    verification = world.verify("ada", 100, "timed_out")
    world.refund("ada", verification, 100, auto=True)
    world.end()
    assert world.counts == {"doubled": 1}


def test_an_automatic_refund_that_never_came(world: World) -> None:
    world.verify("ada", 100, "completed")
    world.end()
    last = world.verifications[-1]
    world.verifications[-1] = replace(last, state="cancelled")
    world.notifications = [
        each
        for each in world.notifications
        if each.kind != "verification.code_received" or last.id not in each.link
    ]
    found = [finding for finding in world.verdict.findings if finding.invariant == "I8"]
    assert [finding.words for finding in found] == [
        "a verification is cancelled, and its price never went back"
    ]


def test_a_payment_that_is_completed_and_was_never_credited(world: World) -> None:
    world.end()
    world.payments[0] = replace(world.payments[0], transfer="gone")
    found = {(finding.invariant, finding.kind.value) for finding in world.verdict.findings}
    assert ("I2", "lost") in found
    assert ("I8", "doubled") in found  # The transfer that was booked is now of no payment.


def test_a_payment_that_was_credited_and_never_paid(world: World) -> None:
    world.end()
    world.payments[0] = replace(world.payments[0], paid=False)
    assert world.counts == {"doubled": 1}


def test_an_addition_of_a_refund_that_is_not_there(world: World) -> None:
    world.book("ada", 100, "refund")
    world.end()
    assert world.counts == {"doubled": 1}


def test_a_hold_that_was_taken_for_a_verification_that_failed(world: World) -> None:
    hold = world.id()
    world.holds.append(Hold(hold, "ada", "USD", 100, "posted"))
    world.notify("ada", "credit.deducted", "/history", world.book("ada", -100, hold=hold))
    world.end()
    assert world.counts == {"doubled": 1}


def test_a_reservation_that_is_not_what_was_refunded(world: World) -> None:
    world.end()
    world.refundables[0] = replace(world.refundables[0], reserved=5)
    assert world.counts == {"lost": 1}


def test_a_refund_without_its_transfer(world: World) -> None:
    payment = world.pay("ada", 500)
    world.refund("ada", payment, 100)
    world.end()
    gone = world.transfers.pop()
    world.entries = [each for each in world.entries if each.transfer != gone.id]
    assert ("I2", "a refund is completed without its transfer") in {
        (finding.invariant, finding.words) for finding in world.verdict.findings
    }
