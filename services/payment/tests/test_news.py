"""News from a provider that is for a person, and what is kept of any."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

if TYPE_CHECKING:
    from services.payment.tests.desk import Api, Desk


async def test_what_a_webhook_says_of_the_payer_is_not_kept(api: Api, desk: Desk) -> None:
    news = {"id": f"evt-{uuid4()}", "reference": f"PAY-{uuid4()}", "email": "payer@example.com"}

    answer = await api.webhook(news)

    async with desk.db.autocommit() as tx:
        row = await tx.fetchrow("SELECT webhook::text AS kept FROM webhook WHERE event_id = $1", news["id"])
    assert answer.status_code == 200
    assert row is not None
    assert news["reference"] in row["kept"]
    assert "payer@example.com" not in row["kept"]


@pytest.mark.parametrize(
    ("kind", "alert", "outcome"),
    [
        ("dispute", "webhook.dispute", "dispute"),
        ("refund", "webhook.unknown_refund", "unknown_refund"),
    ],
)
async def test_money_that_leaves_without_being_asked_to_is_an_alert_and_counted(
    desk: Desk, kind: str, alert: str, outcome: str
) -> None:
    """A chargeback, and a refund somebody made on the provider's own pages."""
    webhook = await desk.news(await desk.completed(), kind=kind, provider_id=f"at-provider-{uuid4()}")
    counted = {"provider": desk.provider.name, "outcome": outcome}
    before = REGISTRY.get_sample_value("payment_webhooks_processed_total", counted) or 0

    with capture_logs() as lines:
        await desk.webhooks.process(webhook)

    row = await desk.row("webhook", webhook)
    told = [line for line in lines if line["log_level"] == "critical"]
    assert [(line["event"], line["provider_id"]) for line in told] == [(alert, row["provider_id"])]
    assert (row["outcome"], row["due_at"]) == (outcome, None)
    assert REGISTRY.get_sample_value("payment_webhooks_processed_total", counted) == before + 1
