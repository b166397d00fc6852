"""I4, I5, I6, I7 and I9: notifications that are missing, double, out of place, made up or somebody else's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos.final import Parked
from chaos.tests.example import World
from chaos.verdict import judge

# -------------------------------------------------------------- I4 and I9, the queue


def test_a_debit_that_never_rang(world: World) -> None:
    transfer = world.book("ada", -7)
    world.answered("debit", "ada", 7, transfer)
    world.end()
    assert world.counts == {"lost": 1}


def test_a_debit_that_rang_twice(world: World) -> None:
    world.debit("ada", 7)
    world.notify("ada", "credit.deducted", "/history", world.transfers[-1].id)
    world.end()
    assert world.counts == {"doubled": 1}


def test_a_debit_that_rang_and_was_rolled_back(world: World) -> None:
    world.notify("ada", "credit.deducted", "/history", "rolled back")
    world.end()
    assert world.counts == {"doubled": 1}


def test_a_notification_of_another_user(world: World) -> None:
    transfer = world.book("ada", -7)
    world.answered("debit", "ada", 7, transfer)
    world.notify("bob", "credit.deducted", "/history", transfer)
    world.end()
    assert world.counts == {"lost": 1, "doubled": 1}


def test_a_completed_payment_that_never_rang(world: World) -> None:
    world.end()
    index = next(n for n, each in enumerate(world.notifications) if each.kind == "payment.completed")
    gone = world.notifications[index]
    world.notifications[index] = replace(gone, kind="payment.failed")
    assert world.counts == {"lost": 1}  # That it had failed may have been told before.


def test_a_failure_that_was_told_before_a_late_success(world: World) -> None:
    payment = world.pay("ada", 500)
    world.notify("ada", "payment.failed", f"/payments/{payment}")
    world.end()
    assert world.counts == {}


@pytest.mark.parametrize(("threshold", "counts"), [(0, {"doubled": 1}), (100, {})])
def test_a_warning_that_was_asked_for_or_not(world: World, threshold: int, counts: dict[str, int]) -> None:
    world.notify("ada", "credit.low_balance", "/topup")
    world.end()
    world.accounts["ada"] = replace(world.accounts["ada"], threshold=threshold)
    assert world.counts == counts


def test_a_balance_that_was_never_told(world: World) -> None:
    world.end()
    world.accounts["ada"] = replace(world.accounts["ada"], version=99)
    assert world.counts == {"lost": 1}


def test_parked_poison_and_a_parked_innocent(world: World) -> None:
    world.say("nemesis", "poison", "invoke", "notifier", poison=["poison"])
    world.say("nemesis", "poison", "ok", "notifier")
    world.end()
    world.left["parked"] = (Parked("notifier", "poison", "parked", "it cannot be shown"),)
    assert world.counts == {}
    world.left["parked"] += (Parked("refund", "innocent", "parked", "it cannot be handled"),)
    assert world.counts == {"stuck": 1}


def test_an_event_that_was_taken_in_twice(world: World) -> None:
    world.end()
    world.left["twice"] = {"notifier": ("event",), "credit": ()}
    assert world.counts == {"doubled": 1}


# -------------------------------------------------------------- I5, places


def test_a_hole_in_the_stream(world: World) -> None:
    world.end()
    *others, last = world.notifications
    assert last.user == "bob"
    world.notifications = [*others, replace(last, seq=last.seq + 1)]
    found = [finding for finding in world.verdict.findings if finding.invariant == "I5"]
    assert [finding.words for finding in found] == [f"there is no {last.seq}, and there is a {last.seq + 1}"]


def test_two_in_one_place(world: World) -> None:
    world.end()
    *others, last = world.notifications
    world.notifications = [*others, replace(last, seq=last.seq - 1)]
    found = {(finding.invariant, finding.kind.value) for finding in world.verdict.findings}
    assert ("I5", "doubled") in found


def test_unread_that_is_counted_wrong(world: World) -> None:
    world.end()
    final = world.final
    first, *others = final.notifications
    read = replace(final, notifications=(replace(first, read=True), *others))
    # The trail does not know of it either.
    assert [each.invariant for each in judge(world.records, read).findings] == ["I5", "I12"]


# -------------------------------------------------------------- I6, tabs


def frames(world: World, tab: str) -> list[int]:
    """Where the tab's notifications are in the history."""
    return [
        n
        for n, each in enumerate(world.records)
        if each.process == tab and each.value.get("type") == "notification"
    ]


def test_a_tab_that_missed_one(world: World) -> None:
    world.end()
    del world.records[frames(world, "ada/tab-2")[3]]
    assert world.counts == {"lost": 1}


def test_a_tab_that_missed_the_last(world: World) -> None:
    world.end()
    del world.records[frames(world, "ada/tab-2")[-1]]
    found = [(finding.invariant, finding.kind.value) for finding in world.verdict.findings]
    assert found == [("I6", "lost"), ("I6", "lost")]  # And its count is of before.


def test_a_tab_that_was_shown_one_too_late(world: World) -> None:
    world.end()
    _, _, third, fourth, *_ = frames(world, "ada/tab-2")
    world.records[third], world.records[fourth] = world.records[fourth], world.records[third]
    assert world.counts == {"lost": 1}


def test_a_tab_that_was_shown_one_again(world: World) -> None:
    world.end()
    again = frames(world, "ada/tab-2")[3]
    world.records.insert(again, world.records[again])
    assert world.counts == {"doubled": 1}


def test_a_tab_that_was_shown_one_in_anothers_place(world: World) -> None:
    world.end()
    third, fourth = frames(world, "ada/tab-2")[3:5]
    wrong = world.records[third]
    other = world.records[fourth].value["id"]
    world.records[third] = replace(wrong, value=wrong.value | {"id": other})
    assert world.counts == {"doubled": 1}


def test_a_tab_that_was_away_and_went_on_where_it_was(world: World) -> None:
    world.disconnect("ada/tab-2")
    since = world.newest("ada")
    world.debit("ada", 7)
    world.debit("ada", 7)
    world.connect("ada/tab-2", "ada", since=since)
    world.debit("ada", 7)
    world.end()
    assert world.counts == {}


def test_a_tab_that_was_away_and_was_not_told_all_of_it(world: World) -> None:
    world.disconnect("ada/tab-2")
    world.debit("ada", 7)
    world.connect("ada/tab-2", "ada", since=world.newest("ada"))
    world.debit("ada", 7)
    world.end()
    assert world.counts == {"lost": 1}


def test_a_tab_that_was_told_again_what_it_had(world: World) -> None:
    world.disconnect("ada/tab-2")
    world.connect("ada/tab-2", "ada", since=world.newest("ada") - 2)
    world.end()
    assert world.counts == {"doubled": 2}


def test_a_tab_that_began_anew_from_the_history(world: World) -> None:
    world.disconnect("ada/tab-2")
    world.debit("ada", 7)
    world.connect("ada/tab-2", "ada", "reset")
    world.debit("ada", 7)
    world.end()
    assert world.counts == {}


def test_a_tab_that_left_early_need_not_know_the_rest(world: World) -> None:
    world.disconnect("ada/tab-2", "ok")
    world.debit("ada", 7)
    world.end()
    assert world.counts == {}


def test_a_tab_that_never_came_back(world: World) -> None:
    world.disconnect("ada/tab-2")
    world.debit("ada", 7)
    world.end()
    assert world.counts == {"stuck": 1}


def test_a_tab_that_shows_an_old_balance(world: World) -> None:
    world.end()
    last = max(
        n
        for n, each in enumerate(world.records)
        if each.process == "ada/tab-1" and each.value.get("type") == "balance"
    )
    del world.records[last]
    assert world.counts == {"lost": 1}


def test_frames_that_come_in_a_batch(world: World) -> None:
    world.end()
    third, fourth = frames(world, "ada/tab-2")[3:5]
    both = [world.records[n].value for n in (third, fourth)]
    world.records[fourth] = replace(world.records[fourth], value={"type": "batch", "frames": both})
    del world.records[third]
    assert world.counts == {}


# -------------------------------------------------------------- I7 and I9, others'


def test_a_tab_that_was_shown_what_is_somebody_elses(world: World) -> None:
    world.end()
    bobs = world.records[frames(world, "bob/tab-1")[-1]]
    world.records.append(replace(bobs, process="eve/tab-1", key="eve"))
    found = [finding for finding in world.verdict.findings if finding.invariant == "I7"]
    assert {finding.words for finding in found} == {
        "refund.completed of bob was shown",
        "eve/tab-1 got what is bob's, in frame",
    }


def test_an_answer_with_somebody_elses_canary(world: World) -> None:
    world.say("ada", "look", "ok", "key", user="ada", body={"reason": "canary-bob"})
    world.end()
    assert world.counts == {"leaked": 1}


def test_a_history_with_somebody_elses_canary(world: World) -> None:
    world.say("ada/tab-1", "read", "ok", "ada", items=[{"seq": 1, "text": "canary-bob"}], as_of="1:1")
    world.end()
    assert world.counts == {"leaked": 1}


def test_a_stored_notification_with_somebody_elses_canary(world: World) -> None:
    world.end()
    world.notifications[-1] = replace(world.notifications[-1], text="canary-ada")
    assert world.counts == {"leaked": 1}


def test_a_tab_that_was_shown_what_was_never_stored(world: World) -> None:
    world.end()
    last = frames(world, "ada/tab-2")[-1]
    made_up = world.records[last]
    world.records.insert(
        last, replace(made_up, value=made_up.value | {"id": "made up", "seq": made_up.value["seq"] + 1})
    )
    found = [(finding.invariant, finding.kind.value) for finding in world.verdict.findings]
    assert ("I9", "doubled") in found
