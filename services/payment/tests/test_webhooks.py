"""News from a provider: verified, stored once, believed only after a look at the provider."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from payment.domain.machine import State
from payment.domain.provider import CheckoutStatus
from shared.money import Money
from shared.testing.waiting import until

if TYPE_CHECKING:
    from services.payment.tests.desk import Api, Desk


async def test_a_webhook_is_answered_and_the_payment_succeeds(api: Api, desk: Desk) -> None:
    made = (await api.pay(f"user-{uuid4()}")).json()
    api.provider.pay(made["reference"])

    answer = await api.webhook({"reference": made["reference"]})

    assert answer.status_code == 200
    after = await api.until_state(made, "succeeded")
    assert after["checkout_url"] is None
    succeeded = (await desk.events(made["user_id"]))[-1]
    assert succeeded["data"]["transfer_id"] == made["transfer_id"]
    assert (succeeded["data"]["amount_minor"], succeeded["data"]["currency"]) == (2500, "USD")


async def test_five_webhooks_at_once_credit_once(api: Api, desk: Desk) -> None:
    """The same event five times, and five events that say the same."""
    made = (await api.pay(f"user-{uuid4()}")).json()
    api.provider.pay(made["reference"])
    same = {"reference": made["reference"], "id": f"evt-{uuid4()}"}
    ids = [f"evt-{uuid4()}" for _ in range(5)]

    answers = await asyncio.gather(
        *(api.webhook(same) for _ in range(5)),
        *(api.webhook({"reference": made["reference"], "id": id_}) for id_ in ids),
    )

    assert {answer.status_code for answer in answers} == {200}

    async def processed() -> bool:
        async with desk.db.autocommit() as tx:
            rows = await tx.fetch(
                "SELECT outcome FROM webhook WHERE event_id = ANY($1::text[])", [same["id"], *ids]
            )
        outcomes = [row["outcome"] for row in rows]
        assert len(outcomes) == 6, "the repeated event is stored once"
        return None not in outcomes

    await until(processed)
    assert (await desk.published(made["user_id"])).count("payment.succeeded") == 1


@pytest.mark.parametrize("told", [b"not the body that was signed", b"{}", b""])
async def test_a_forged_webhook_is_refused_and_not_stored(api: Api, desk: Desk, told: bytes) -> None:
    async with desk.db.autocommit() as tx:
        before = await tx.fetchrow("SELECT count(*) AS rows FROM webhook")
        answer = await api.http.post("/webhooks/fake", content=told, headers={"x-fake-signature": "00"})
        after = await tx.fetchrow("SELECT count(*) AS rows FROM webhook")

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")
    assert before == after


async def test_a_webhook_of_an_unknown_provider_or_beyond_the_limit_is_refused(api: Api) -> None:
    unknown = await api.http.post("/webhooks/paypal", content=b"{}")
    large = await api.http.post("/webhooks/fake", content=b" " * (64 * 1024 + 1))

    assert (unknown.status_code, large.status_code) == (404, 413)


async def test_a_webhook_that_lies_changes_nothing(desk: Desk) -> None:
    """It says paid; the provider, asked, says open."""
    payment = await desk.begin()

    after = await desk.hear_of(payment)

    assert after.state is State.PENDING
    assert await desk.published(payment.user_id) == ["payment.initiated"]


@pytest.mark.parametrize("paid", [Money(2499, "USD"), Money(2501, "USD"), Money(2500, "EUR")])
async def test_a_payment_of_another_sum_is_flagged_and_credits_nothing(desk: Desk, paid: Money) -> None:
    payment = await desk.begin(2500)
    desk.provider.pay(payment.reference, paid=paid)

    with capture_logs() as lines:
        after = await desk.hear_of(payment)

    assert after.state is State.REQUIRES_REVIEW
    assert await desk.published(payment.user_id) == ["payment.initiated", "payment.flagged"]
    assert [line["event"] for line in lines if line["log_level"] == "critical"] == ["payment.requires_review"]


async def test_a_payment_under_another_reference_is_found_by_its_id_and_flagged(desk: Desk) -> None:
    payment = await desk.begin()
    desk.provider.pay(payment.reference, told="PAY-ANOTHER")
    provider_id = f"co_{payment.reference}"

    after = await desk.hear_of(payment, reference="PAY-ANOTHER", provider_id=provider_id)

    assert after.state is State.REQUIRES_REVIEW
    assert "payment.succeeded" not in await desk.published(payment.user_id)


async def test_another_payments_checkout_does_not_pay_for_this_one(desk: Desk) -> None:
    mine, other = await desk.begin(), await desk.begin()
    desk.provider.pay(other.reference)

    after = await desk.hear_of(mine, provider_id=f"co_{other.reference}", reference=mine.reference)

    assert after.state is State.PENDING
    assert (await desk.now(other)).state is State.SUCCEEDED


async def test_an_unknown_reference_is_kept_and_ignored(desk: Desk) -> None:
    payment = await desk.begin()

    webhook = await desk.news(payment, reference="PAY-NOBODYS")
    with capture_logs() as lines:
        await desk.webhooks.process(webhook)

    row = await desk.row("webhook", webhook)
    assert (row["outcome"], row["due_at"]) == ("ignored", None)
    assert "webhook.unknown_reference" in [line["event"] for line in lines]


async def test_a_webhook_about_something_else_is_kept_and_ignored_at_once(desk: Desk) -> None:
    webhook = await desk.news(await desk.begin(), kind="other")

    row = await desk.row("webhook", webhook)
    assert (row["outcome"], row["due_at"]) == ("ignored", None)


async def test_while_the_provider_does_not_answer_the_webhook_stays_due(desk: Desk) -> None:
    payment = await desk.begin()
    desk.provider.pay(payment.reference)
    desk.provider.fail_next("look_up_by_reference", "before")
    desk.provider.fail_next("look_up", "before", "before")
    webhook = await desk.news(payment)

    for attempts in (1, 2):
        await desk.webhooks.process(webhook)
        row = await desk.row("webhook", webhook)
        assert (row["outcome"], row["attempts"]) == (None, attempts)
        assert row["due_at"] is not None
        assert (await desk.now(payment)).state is State.PENDING
    await desk.webhooks.process(webhook)

    assert (await desk.row("webhook", webhook))["outcome"] == "succeeded"
    assert (await desk.now(payment)).state is State.SUCCEEDED


@pytest.mark.parametrize("shown", ["open", "nothing"])
async def test_a_success_that_the_look_up_does_not_show_yet_is_looked_up_again(
    desk: Desk, shown: str
) -> None:
    """Even where the payment has ended here: the provider tells it once."""
    desk.provider.can_expire = False
    payment = await desk.overdue(await desk.begin())
    webhook = await desk.news(payment, claims_paid=True)
    if shown == "nothing":
        desk.provider.fail_next("look_up", "blind")

    await desk.webhooks.process(webhook)
    row = await desk.row("webhook", webhook)
    assert (row["outcome"], row["attempts"], payment.state) == (None, 1, State.EXPIRED)
    desk.provider.pay(payment.reference)
    await desk.webhooks.process(webhook)

    assert (await desk.now(payment)).state is State.SUCCEEDED


async def test_a_success_that_no_look_up_shows_is_given_up_and_said(desk: Desk) -> None:
    payment = await desk.begin()
    webhook = await desk.news(payment, claims_paid=True)

    with capture_logs() as lines:
        for _ in range(11):
            await desk.webhooks.process(webhook)

    assert (await desk.row("webhook", webhook))["outcome"] == "unchanged"
    assert [line["event"] for line in lines if line["log_level"] == "critical"] == ["webhook.not_confirmed"]
    assert (await desk.now(payment)).state is State.PENDING


async def test_a_declined_checkout_fails_the_payment_with_the_providers_reason(desk: Desk) -> None:
    payment = await desk.begin()
    desk.provider.decline(payment.reference, "Insufficient funds")

    after = await desk.hear_of(payment)

    assert (after.state, after.reason) == (State.FAILED, "Insufficient funds")
    assert (await desk.events(payment.user_id))[-1]["data"]["reason"] == "Insufficient funds"


@pytest.mark.parametrize("ended", ["failed", "expired", "cancelled"])
async def test_success_after_failure_wins(desk: Desk, ended: str) -> None:
    payment = await desk.begin()
    if ended == "failed":
        desk.provider.decline(payment.reference)
        payment = await desk.hear_of(payment)
    elif ended == "expired":
        payment = await desk.overdue(payment)
    else:
        payment = await desk.look(await desk.checkouts.give_up(payment))
    assert payment.state == ended

    desk.provider.pay(payment.reference)
    after = await desk.hear_of(payment)

    assert after.state is State.SUCCEEDED
    assert await desk.published(payment.user_id) == [
        "payment.initiated",
        "payment.failed",
        "payment.succeeded",
    ]


async def test_given_up_and_paid_at_once_it_succeeds(desk: Desk) -> None:
    for _ in range(10):
        payment = await desk.begin()
        desk.provider.pay(payment.reference)
        webhook = await desk.news(payment)

        await asyncio.gather(
            desk.webhooks.process(webhook), desk.checkouts.give_up(payment), return_exceptions=True
        )

        assert (await desk.now(payment)).state is State.SUCCEEDED
        assert (await desk.published(payment.user_id)).count("payment.succeeded") == 1


async def test_a_late_failure_never_undoes_a_success(desk: Desk) -> None:
    payment = await desk.paid()
    for status in (CheckoutStatus.DECLINED, CheckoutStatus.EXPIRED):
        desk.provider.become(payment.reference, status)
        assert (await desk.hear_of(payment)).state is State.SUCCEEDED
        assert (await desk.look(payment)).state is State.SUCCEEDED

    assert "payment.failed" not in await desk.published(payment.user_id)


async def test_a_webhook_that_overtakes_the_providers_answer_pays_all_the_same(desk: Desk) -> None:
    """The intent is committed, its answer is not; the news is found by our reference."""
    desk.provider.fail_next("make_checkout", "after")
    payment = await desk.begin()
    await desk.owner_execute("UPDATE payment SET state = 'initiated' WHERE id = $1", payment.id)
    desk.provider.pay(payment.reference)

    after = await desk.hear_of(payment, provider_id=f"co_{payment.reference}")

    assert (after.state, after.provider_id) == (State.SUCCEEDED, f"co_{payment.reference}")
    assert await desk.published(payment.user_id) == ["payment.initiated", "payment.succeeded"]
