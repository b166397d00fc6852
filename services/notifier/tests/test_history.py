"""A history is paged and narrowed without a gap, and no row is read in vain however rare a match is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

from notifier.adapters import history, streams
from notifier.domain.filters import Family, Filters, Flow
from notifier.domain.notification import Category
from notifier.handlers.store import BatchStore
from shared.db import Database, Transaction
from shared.db.database import AnyConnection
from shared.events import Envelope, Event
from shared.events.activity import ActivityFlagged
from shared.events.credit import CreditAdded, CreditDeducted, CreditLowBalance
from shared.events.payment import PaymentCompleted, PaymentInitiated
from shared.events.refund import RefundCompleted
from shared.events.verification import VerificationCodeReceived
from shared.testing.deliveries import delivery_of, envelope_of

if TYPE_CHECKING:
    from asyncpg import Record

pytestmark = pytest.mark.servers

Fill = Callable[..., Awaitable[list[Envelope]]]
Seqs = Callable[..., Awaitable[list[int]]]

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
CHANGE = {
    "transfer_id": uuid4(),
    "currency": "USD",
    "amount_minor": 2_50,
    "balance_after": 100_00,
    "held_after": 0,
}


@pytest.fixture
def seqs(http: httpx.AsyncClient, me: dict[str, str]) -> Seqs:
    """What is on the first page with these parameters."""

    async def ask(**params: str) -> list[int]:
        answer = await http.get("/v1/notifications", params=params, headers=me)
        return [item["seq"] for item in answer.raise_for_status().json()["items"]]

    return ask


@pytest.fixture
async def one_of_each(lane_store: Callable[[], BatchStore], user_id: str) -> None:
    """Eight notifications, of the first hours of a year, an hour apart."""
    events: list[Event] = [
        CreditAdded(**CHANGE, version=1, source="bonus", reason="a bonus"),
        CreditDeducted(**CHANGE, version=2, reason="a fee"),
        PaymentInitiated(payment_id=uuid4(), currency="USD", amount_minor=2_50, reference="PAY-1"),
        PaymentCompleted(**CHANGE, version=3, payment_id=uuid4(), reference="PAY-1"),
        RefundCompleted(**CHANGE, version=4, refund_id=uuid4(), reference="REF-1", reason="a fee"),
        VerificationCodeReceived(verification_id=uuid4(), service="WhatsApp", code="90210"),
        CreditLowBalance(currency="USD", balance_after=1, threshold=100),
        ActivityFlagged(flag_id=uuid4(), seen="12 debits in a minute"),
    ]
    await lane_store().handle(
        [
            delivery_of(envelope_of(event, user_id, at=NEW_YEAR + timedelta(hours=hour)))
            for hour, event in enumerate(events)
        ]
    )


async def test_history_pages_newest_first_without_overlap_while_more_arrives(
    http: httpx.AsyncClient, fill: Fill, me: dict[str, str], user_id: str
) -> None:
    await fill(user_id, 25)
    first = await http.get("/v1/notifications", params={"limit": 10}, headers=me)
    await fill(user_id, 3)

    page = first.json()
    assert (page["as_of"], page["unread"], page["rev"], page["read_seq"]) == ("1:25", 25, 25, 0)
    seqs = [item["seq"] for item in page["items"]]
    link = first.headers["link"]
    while page["next"] is not None:
        assert link == f'</v1/notifications?limit=10&before={page["next"]}>; rel="next"'
        answer = await http.get(link.split(">")[0].lstrip("<"), headers=me)
        link, page = answer.headers.get("link", ""), answer.json()
        seqs += [item["seq"] for item in page["items"]]

    assert seqs == list(range(25, 0, -1))
    assert link == ""


async def test_each_filter_narrows_the_history(seqs: Seqs, one_of_each: None) -> None:
    assert await seqs(category="money_in") == [5, 4, 1]
    assert await seqs(kind="credit") == [7, 2, 1]
    assert await seqs(kind="payment") == [4, 3]
    assert await seqs(kind="refund") == [5]
    assert await seqs(kind="verification") == [6]
    assert await seqs(kind="activity") == [8]
    assert await seqs(money="in") == [5, 4, 1]
    assert await seqs(money="out") == [2]
    assert await seqs(since="2026-01-01T05:00:00Z") == [8, 7, 6]
    assert await seqs(until="2026-01-01T03:00:00.000001+01:00") == [3, 2, 1]
    assert await seqs(until="2026-01-01T03:00:00+01:00") == [2, 1]


async def test_filters_combine(seqs: Seqs, one_of_each: None) -> None:
    assert await seqs(kind="payment", money="in") == [4]
    assert await seqs(kind="payment", money="out") == []
    assert await seqs(category="money_in", since="2026-01-01T00:00:01Z", until="2026-01-01T04:00:00Z") == [4]


async def test_unread_leaves_out_what_was_read_alone_or_with_all_before_it(
    http: httpx.AsyncClient, fill: Fill, me: dict[str, str], user_id: str, seqs: Seqs
) -> None:
    events = await fill(user_id, 5)
    await http.post("/v1/notifications/read", json={"up_to_seq": 2}, headers=me)
    await http.post(f"/v1/notifications/{events[3].id}/read", headers=me)

    assert await seqs(unread="true") == [5, 3]
    assert await seqs(unread="true", kind="credit", money="in") == [5, 3]
    assert await seqs(unread="true", kind="payment") == []


YEAR = {"since": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"kind": "credit"}, [7, 2, 1]),
        ({"unread": "true", "category": "money_in", "money": "in", **YEAR}, [5, 4, 1]),
    ],
)
async def test_the_next_page_has_the_filters_of_the_first(
    http: httpx.AsyncClient,
    me: dict[str, str],
    one_of_each: None,
    filters: dict[str, str],
    expected: list[int],
) -> None:
    answer = await http.get("/v1/notifications", params=filters | {"limit": "1"}, headers=me)
    seen = [item["seq"] for item in answer.json()["items"]]
    while "next" in answer.links:
        link = httpx.URL(answer.links["next"]["url"])
        assert dict(link.params) == filters | {"limit": "1", "before": answer.json()["next"]}
        answer = await http.get(link, headers=me)
        seen += [item["seq"] for item in answer.json()["items"]]

    assert seen == expected


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"category": "everything"},
        {"kind": "credit.added"},
        {"money": "both"},
        {"unknown": "1"},
        {"before": "not-a-cursor"},
        {"before": "ü"},
        {"before": "Mjo1"},  # 2:5, of another epoch.
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    http: httpx.AsyncClient, me: dict[str, str], params: dict[str, str]
) -> None:
    answer = await http.get("/v1/notifications", params=params, headers=me)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00 01:00",  # A plus that nobody encoded.
        "1767225600",
        "yesterday",
        "0001-01-01T00:00:00+01:00",  # Before the year 1, where it is midnight in Greenwich.
    ],
)
async def test_what_is_no_instant_is_refused_with_what_would_be(
    http: httpx.AsyncClient, me: dict[str, str], name: str, text: str
) -> None:
    answer = await http.get("/v1/notifications", params={name: text}, headers=me)

    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    assert fault["field"] == f"query.{name}"
    assert fault["message"].endswith("an instant with its offset is needed, such as 2026-01-31T12:00:00Z")


async def test_the_first_and_the_last_instant_there_are_take_everything_in(
    seqs: Seqs, one_of_each: None
) -> None:
    ever = {"since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59.999999Z"}

    assert await seqs(**ever) == [8, 7, 6, 5, 4, 3, 2, 1]


# Between any two of theirs stand seven of other users, as they would have come.
TEN_THOUSAND = """
WITH given AS (
    SELECT $1 || CASE place % 8 WHEN 0 THEN '' ELSE ' ' || place % 8 END AS user_id, 1 + place / 8 AS seq,
        place / 8 >= 3 AS common
    FROM generate_series(0, 79999) AS place
), moved AS (
    INSERT INTO stream (user_id, last_seq, unread, rev)
    SELECT user_id, max(seq), max(seq), max(seq) FROM given GROUP BY user_id
)
INSERT INTO notification (
    user_id, seq, id, kind, lane, category, icon, title, body, link, toast, amount_minor, currency,
    occurred_at, read_at
)
SELECT user_id, seq, gen_random_uuid(), CASE WHEN common THEN 'credit.deducted' ELSE 'payment.completed' END,
    'high', CASE WHEN common THEN 'money_out' ELSE 'money_in' END, '', '', repeat('-', 80), '', true,
    CASE WHEN common THEN -1 ELSE 1 END, 'USD', $2::timestamptz + seq * interval '1 hour',
    CASE WHEN common THEN now() END
FROM given
"""
# Each finds the three oldest of ten thousand, or none at all.
RARE = {
    "unread": Filters(unread=True),
    "category": Filters(category=Category.MONEY_IN),
    "kind": Filters(kind=Family.PAYMENT),
    "money": Filters(money=Flow.IN),
    "until": Filters(until=NEW_YEAR + timedelta(hours=4)),
    "since": Filters(since=NEW_YEAR, until=NEW_YEAR + timedelta(hours=4)),
    "never": Filters(since=NEW_YEAR + timedelta(days=5000)),
    "absent": Filters(kind=Family.ACTIVITY),
    "all": Filters(True, Category.MONEY_IN, Family.PAYMENT, Flow.IN, NEW_YEAR, NEW_YEAR + timedelta(1)),
}


class Explained(Transaction):
    """Runs what it is given and returns the plan, with what was counted meanwhile."""

    async def fetch(self, sql: str, *arguments: object) -> list[Record]:
        return await super().fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", *arguments)


@pytest.fixture(scope="module")
async def long_history(owner: AnyConnection) -> str:
    user_id = f"user-{uuid4()}"
    await owner.execute(TEN_THOUSAND, user_id, NEW_YEAR)
    await owner.execute("ANALYZE notification")
    return user_id


@pytest.mark.parametrize("rare", RARE)
async def test_among_ten_thousand_only_the_rows_of_the_page_are_read(
    db: Database, long_history: str, rare: str
) -> None:
    async with db.autocommit() as tx:
        head = (await streams.heads(tx, [long_history]))[long_history]
        wanted: dict[str, Any] = {"before": 10_001, "limit": 51, "filters": RARE[rare]}
        found = [row["seq"] for row in await history.page(tx, head, **wanted)]
        [(explained,)] = await history.page(Explained(tx.connection), head, **wanted)

    assert found == ([] if rare in ("never", "absent") else [3, 2, 1])
    assert discarded(explained[0]["Plan"]) == 0, explained


def discarded(plan: Mapping[str, Any]) -> int:
    """Rows that were read and were not wanted."""
    here = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    return int(here) + sum(discarded(part) for part in plan.get("Plans", ()))
