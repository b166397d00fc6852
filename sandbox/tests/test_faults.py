"""Each fault of an answer does what the table says; rates, seeds and waiting faults hit whom they should."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.faults import FaultPlan, InvalidFaults
from sandbox.payments.faults import FAULTS
from sandbox.problems import Problem
from sandbox.records import Creations
from sandbox.sms.bodies import FaultsBody
from sandbox.sms.faults import FAULTS as SMS_FAULTS

if TYPE_CHECKING:
    from sandbox.testing import Receiver
    from sandbox.tests.conftest import Client, Start

BODY = {"reference": "top-up-1", "amount_minor": 2500, "currency": "USD"}


async def made(client: Client) -> int:
    return len((await client.get("/v1/checkouts", reference="top-up-1"))["items"])


@pytest.mark.parametrize(
    ("faults", "status", "code", "count"),
    [
        ("error", 503, "sandbox_error", 0),
        ("error=500", 500, "sandbox_error", 0),
        ("error_after=502", 502, "sandbox_error", 1),
        ("decline", 422, "declined", 0),
        ("decline=402", 402, "declined", 0),
        ("errror", 422, "invalid_faults", 0),
        ("error=404", 422, "invalid_faults", 0),
        ("drop=1", 422, "invalid_faults", 0),
    ],
)
async def test_an_answer_goes_wrong_before_or_after_the_deed(
    payments: Client, faults: str, status: int, code: str, count: int
) -> None:
    answer = await payments.post("/v1/checkouts", BODY, key="k", faults=faults)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await made(payments) == count


@pytest.mark.parametrize(("faults", "count"), [("timeout", 1), ("timeout_before", 0)])
async def test_a_caller_that_waits_too_long_is_told(start: Start, faults: str, count: int) -> None:
    async with start("payments", answer_hold_seconds=0.01) as payments:
        answer = await payments.post("/v1/checkouts", BODY, key="k", faults=faults)

        assert (answer.status_code, answer.json()["code"]) == (504, "sandbox_timeout")
        assert await made(payments) == count
        again = await payments.post("/v1/checkouts", BODY, key="k")
        assert again.status_code == (200 if count else 201)


async def test_a_time_out_lasts_until_the_caller_goes(payments: Client) -> None:
    waiting = asyncio.create_task(payments.post("/v1/checkouts", BODY, key="k", faults="timeout"))
    async with asyncio.timeout(10):
        while not await made(payments):
            assert not waiting.done()
    # The answer would have come with the next one, had it not been held.
    await payments.get("/v1/faults")
    assert not waiting.done()

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    assert (await payments.post("/v1/checkouts", BODY, key="k")).status_code == 200


async def test_a_delayed_answer_takes_its_time(payments: Client) -> None:
    begun = time.monotonic()

    assert (await payments.checkout(faults="delay=100"))["status"] == "open"

    assert time.monotonic() - begun >= 0.1


@pytest.mark.parametrize(
    ("faults", "field", "value"),
    [
        ("mismatch", "paid_amount_minor", 2501),
        ("mismatch=currency", "paid_currency", "EUR"),
        ("mismatch=reference", "reference", "top-up-1-mismatch"),
    ],
)
async def test_another_payment_arrives_than_was_asked_for(
    payments: Client, receiver: Receiver, faults: str, field: str, value: object
) -> None:
    checkout = (await payments.post("/v1/checkouts", BODY, key="k", faults=faults)).json()
    await payments.post(f"/v1/checkouts/{checkout['id']}/pay")
    [told] = await receiver.until(1)
    assert told.data[field] == value
    assert await payments.get("/v1/checkouts", reference="top-up-1") == {"items": [told.data]}


async def test_faults_may_be_given_with_the_payment(payments: Client, receiver: Receiver) -> None:
    checkout = await payments.checkout(2500)
    path = f"/v1/checkouts/{checkout['id']}/pay"
    refused = await payments.post(path, {"faults": "timeout"})
    assert refused.json()["code"] == "invalid_faults"

    paid = await payments.post(path, {"faults": "mismatch, duplicate=2"})

    assert paid.json()["paid_amount_minor"] == 2501
    assert len(await receiver.until(2)) == 2


async def test_faults_wait_for_the_next_matching_calls(payments: Client) -> None:
    for body in (
        {"path_prefix": "/v1/checkouts", "faults": "error", "times": 2},
        {"path_prefix": "GET /v1/refunds", "faults": "error=500"},
    ):
        assert (await payments.post("/v1/faults/next", body)).status_code == 201

    statuses = [(await payments.post("/v1/checkouts", BODY, key="k")).status_code for _ in range(3)]

    assert statuses == [503, 503, 201]
    refunds = await payments.http.get("/v1/refunds", params={"reference": "r"})
    assert refunds.status_code == 500
    assert (await payments.get("/v1/faults"))["next"] == []


async def test_the_operator_does_not_use_up_what_waits_for_the_merchant(payments: Client) -> None:
    checkout = await payments.checkout()
    await payments.post("/v1/faults/next", {"path_prefix": "/v1/", "faults": "error"})

    assert (await payments.post(f"/v1/checkouts/{checkout['id']}/pay")).status_code == 200
    assert (await payments.http.get(f"/v1/checkouts/{checkout['id']}")).status_code == 503


async def test_rates_are_replaced_shown_and_cleared(payments: Client) -> None:
    answer = await payments.http.put("/v1/faults", json={"rates": {"error=500": 1, "drop": 0.5, "delay": 0}})
    assert answer.json() == {"rates": {"error=500": 1, "drop": 0.5}, "next": [], "seed": 7}
    assert (await payments.http.get("/v1/checkouts/x")).status_code == 500

    cleared = await payments.http.delete("/v1/faults")

    assert cleared.json()["rates"] == {}
    assert (await payments.http.get("/v1/checkouts/x")).status_code == 404


@pytest.mark.parametrize("rates", [{"error": 1.1}, {"error": -1}, {"none": 1}, {"error=200": 1}])
async def test_a_rate_that_is_none_is_refused(payments: Client, rates: dict[str, float]) -> None:
    answer = await payments.http.put("/v1/faults", json={"rates": rates})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_faults")


async def test_chance_hits_webhooks_and_amounts_too(payments: Client, receiver: Receiver) -> None:
    await payments.http.put("/v1/faults", json={"rates": {"duplicate=3": 1, "mismatch=currency": 1}})
    await payments.paid_checkout()
    told = await receiver.until(3)
    assert {delivery.data["paid_currency"] for delivery in told} == {"EUR"}


async def test_what_is_asked_for_wins_over_chance(payments: Client) -> None:
    await payments.http.put("/v1/faults", json={"rates": {"error=500": 1}})
    answer = await payments.post("/v1/checkouts", BODY, key="k", faults="error=502")
    assert answer.status_code == 502


def drawn(seed: int | None, **rates: float) -> list[str]:
    plan = FaultPlan(FAULTS, seed)
    plan.set_rates(rates)
    return [str(plan.draw("answer")) for _ in range(200)]


def test_a_seed_makes_chance_repeatable() -> None:
    assert drawn(1, error=0.5) == drawn(1, error=0.5) != drawn(2, error=0.5)
    assert 60 < drawn(1, error=0.5).count("error=503") < 140


def test_one_fault_does_not_shift_the_chance_of_another() -> None:
    with_delay = [hit.removeprefix("delay=200").strip(", ") for hit in drawn(1, delay=0.5, error=0.5)]
    assert with_delay == drawn(1, error=0.5)


def test_faults_are_written_as_they_are_read() -> None:
    plan = FaultPlan(FAULTS, 1)
    faults = plan.parse(" delay=200 ,drop,, duplicate = 5,error")
    assert str(faults) == "delay=200, drop, duplicate=5, error=503"
    assert plan.parse(str(faults)) == faults
    assert str(faults.only("webhooks")) == "drop, duplicate=5"
    with pytest.raises(InvalidFaults, match="takes a number from 2 to 100"):
        plan.parse("duplicate=1")


def test_a_form_gives_faults_by_their_names() -> None:
    plan = FaultPlan(FAULTS, 1)
    form: dict[str, Any] = {
        "fault.drop": "on",
        "fault.duplicate": "3",
        "fault.mismatch": "",
        "fault.error": "500",
    }
    assert str(plan.from_form(form, "amounts", "webhooks")) == "drop, duplicate=3"


def test_the_manual_lists_every_fault() -> None:
    manual = (Path(__file__).parents[1] / "README.md").read_text()
    assert set(re.findall(r"^\| `([a-z_]+)[=`]", manual, re.MULTILINE)) == {*FAULTS, *SMS_FAULTS}


def test_what_is_kept_of_a_refusal_stays_as_it_is() -> None:
    kept: Creations[str] = Creations("checkout")
    raised = []

    def refuse() -> str:
        raise Problem(422, "declined", "no", state="open")

    for _ in range(3):
        with pytest.raises(Problem) as refused:
            kept.once("k", FaultsBody(), refuse)
        raised.append(refused.value)

    assert len({id(problem) for problem in raised}) == 3
    assert {str(problem.response().body) for problem in raised} == {str(raised[0].response().body)}
