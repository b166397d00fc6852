"""A user sees their own history, count and stream, and nobody else's; a gateway sees many at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.db.database import AnyConnection
from shared.events import Envelope
from shared.events.notifier import NotificationRead
from shared.streams import HeadsAnswer, HeadsRequest, StreamRequest, StreamsAnswer, StreamsRequest

pytestmark = pytest.mark.servers

Fill = Callable[..., Awaitable[list[Envelope]]]


async def test_a_history_item_has_exactly_these_fields(
    http: httpx.AsyncClient, fill: Fill, me: dict[str, str], user_id: str
) -> None:
    [event] = await fill(user_id, 1)

    [item] = (await http.get("/v1/notifications", headers=me)).json()["items"]

    transfer_id = item.pop("transfer_id")
    occurred_at = item.pop("occurred_at")
    assert transfer_id in event.data.decode()
    assert occurred_at.endswith("Z")
    assert item == {
        "seq": 1,
        "id": str(event.id),
        "kind": "credit.added",
        "lane": "high",
        "icon": "💰",
        "title": "Credits Added",
        "body": "$5.00 added. Reason: a bonus. New balance: $5.00",
        "text": "💰 Credits Added - $5.00 added. Reason: a bonus. New balance: $5.00",
        "link": "/history",
        "toast": True,
        "amount": "+5.00",
        "currency": "USD",
        "read": False,
    }


async def test_a_new_user_has_an_empty_history_and_a_cursor(
    http: httpx.AsyncClient, me: dict[str, str]
) -> None:
    empty = {"as_of": "1:0", "unread": 0, "rev": 0, "read_seq": 0}

    assert (await http.get("/v1/notifications", headers=me)).json() == empty | {"items": [], "next": None}
    assert (await http.get("/v1/notifications/unread", headers=me)).json() == empty


async def test_reading_one_counts_down_once_and_tells_the_other_tabs(
    http: httpx.AsyncClient, fill: Fill, me: dict[str, str], user_id: str, listener: Any
) -> None:
    first, *_ = await fill(user_id, 3)

    answers = [(await http.post(f"/v1/notifications/{first.id}/read", headers=me)).json() for _ in range(3)]

    told = {"ids": [str(first.id)], "seq": 3, "as_of": "1:3", "unread": 2, "rev": 4, "read_seq": 0}
    assert answers == [told] * 3
    assert await listener.heard(user_id, 1) == [
        NotificationRead(user_id=user_id, epoch=1, seq=3, read_seq=0, ids=(first.id,), unread=2, rev=4)
    ]


async def test_reading_up_to_a_place_ends_at_the_newest_and_never_goes_back(
    http: httpx.AsyncClient, fill: Fill, me: dict[str, str], user_id: str
) -> None:
    events = await fill(user_id, 6)
    await http.post(f"/v1/notifications/{events[1].id}/read", headers=me)

    async def read(up_to: int) -> tuple[int, int, int]:
        answer = await http.post("/v1/notifications/read", json={"up_to_seq": up_to}, headers=me)
        return answer.json()["read_seq"], answer.json()["unread"], answer.json()["rev"]

    assert await read(4) == (4, 2, 8)
    assert await read(3) == (4, 2, 8)
    assert await read(2**62) == (6, 0, 9)
    await fill(user_id, 1)
    assert (await http.get("/v1/notifications/unread", headers=me)).json()["unread"] == 1
    items = (await http.get("/v1/notifications", headers=me)).json()["items"]
    assert [item["read"] for item in items] == [False] + [True] * 6


async def test_somebody_elses_notification_does_not_exist(
    http: httpx.AsyncClient, fill: Fill, me: dict[str, str], user_id: str
) -> None:
    await fill(user_id, 1)
    [theirs] = await fill(f"user-{uuid4()}", 1)

    refused = await http.post(f"/v1/notifications/{theirs.id}/read", headers=me)
    unknown = await http.post(f"/v1/notifications/{uuid4()}/read", headers=me)

    assert (refused.status_code, unknown.status_code) == (404, 404)
    bodies = [{**answer.json(), "ref": ""} for answer in (refused, unknown)]
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/notifications"),
        ("GET", "/v1/notifications/unread"),
        ("GET", "/v1/stream"),
        ("POST", "/v1/notifications/read"),
        ("POST", f"/v1/notifications/{UUID(int=1)}/read"),
        ("POST", "/internal/streams"),
        ("POST", "/internal/heads"),
    ],
)
async def test_nothing_is_told_without_a_token(http: httpx.AsyncClient, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}):
        answer = await http.request(method, path, json={"unknown": 1}, headers=headers)

        assert answer.status_code == 401


@pytest.mark.parametrize(
    "body", [{}, {"up_to_seq": -1}, {"up_to_seq": 1, "user_id": "other"}, {"up_to_seq": 2**63}]
)
async def test_a_body_with_other_fields_is_refused(
    http: httpx.AsyncClient, me: dict[str, str], body: dict[str, object]
) -> None:
    assert (await http.post("/v1/notifications/read", json=body, headers=me)).status_code == 422


async def test_a_stream_goes_on_after_a_cursor_and_is_not_sent_twice(
    http: httpx.AsyncClient, fill: Fill, me: dict[str, str], user_id: str
) -> None:
    await fill(user_id, 4)

    answer = await http.get("/v1/stream", params={"after": "1:1", "limit": 2}, headers=me)
    body, etag = answer.json(), answer.headers["etag"]
    assert ([item["seq"] for item in body["items"]], body["cursor"], body["reset"]) == ([2, 3], "1:3", False)
    assert body["balances"] == [
        {"currency": "USD", "posted": "20.00", "held": "0.00", "available": "20.00", "version": 4}
    ]

    asking = me | {"If-None-Match": etag}
    rest = await http.get("/v1/stream", params={"after": "1:3"}, headers=asking)
    assert [item["seq"] for item in rest.json()["items"]] == [4]
    nothing = await http.get("/v1/stream", params={"after": "1:4"}, headers=asking)
    assert (nothing.status_code, nothing.content, nothing.headers["etag"]) == (304, b"", etag)
    await http.post("/v1/notifications/read", json={"up_to_seq": 1}, headers=me)
    read = await http.get("/v1/stream", params={"after": "1:4"}, headers=asking)
    assert (read.status_code, read.json()["unread"], read.json()["items"]) == (200, 3, [])


@pytest.mark.parametrize("after", ["1:9", "2:1", "9:9"])
async def test_a_stream_that_cannot_go_on_says_reset(
    http: httpx.AsyncClient, fill: Fill, me: dict[str, str], user_id: str, after: str
) -> None:
    await fill(user_id, 3)

    body = (await http.get("/v1/stream", params={"after": after}, headers=me)).json()

    assert (body["reset"], body["items"], body["cursor"], body["unread"]) == (True, [], "1:3", 3)


async def test_a_stream_without_a_cursor_tells_only_how_it_stands(
    http: httpx.AsyncClient, fill: Fill, me: dict[str, str], user_id: str
) -> None:
    await fill(user_id, 3)

    body = (await http.get("/v1/stream", headers=me)).json()

    assert (body["reset"], body["items"], body["cursor"], body["as_of"]) == (False, [], "1:3", "1:3")


async def test_a_gateway_resumes_many_tabs_in_one_call(
    http: httpx.AsyncClient, fill: Fill, identities: Any, user_id: str, owner: AnyConnection
) -> None:
    other, fresh = f"user-{uuid4()}", f"user-{uuid4()}"
    await fill(user_id, 3)
    await fill(other, 2)
    await owner.execute("UPDATE stream SET epoch = 7 WHERE user_id = $1", other)
    asked = [
        StreamRequest(user_id=user_id, after="1:1"),
        StreamRequest(user_id=other, after="1:1"),
        StreamRequest(user_id=fresh, after="1:0"),
        StreamRequest(user_id=user_id, after=None),
        StreamRequest(user_id=user_id, after="1:0", limit=1),
        StreamRequest(user_id=fresh, after="nonsense"),
    ]

    answer = await http.post(
        "/internal/streams",
        content=StreamsRequest(requests=asked).model_dump_json(),
        headers=identities.service() | {"Content-Type": "application/json"},
    )

    answers = StreamsAnswer.model_validate_json(answer.content).answers
    assert [
        (each.user_id, each.reset, [item.seq for item in each.items], each.head, each.unread, each.rev)
        for each in answers
    ] == [
        (user_id, False, [2, 3], "1:3", 3, 3),
        (other, True, [], "7:2", 2, 2),
        (fresh, False, [], "1:0", 0, 0),
        (user_id, False, [], "1:3", 3, 3),
        (user_id, False, [1], "1:3", 3, 3),
        (fresh, True, [], "1:0", 0, 0),
    ]
    assert [[balance.version for balance in each.balances] for each in answers] == [
        [3],
        [2],
        [],
        [3],
        [3],
        [],
    ]


async def test_more_than_five_hundred_behind_is_a_reset(
    http: httpx.AsyncClient, fill: Fill, identities: Any, user_id: str
) -> None:
    await fill(user_id, 501)
    asked = {"requests": [{"user_id": user_id, "after": after} for after in ("1:0", "1:1")]}

    answer = await http.post("/internal/streams", json=asked, headers=identities.service())

    answers = StreamsAnswer.model_validate_json(answer.content).answers
    assert [(each.reset, len(each.items)) for each in answers] == [(True, 0), (False, 500)]


async def test_a_gateway_compares_ten_thousand_heads_in_one_call(
    http: httpx.AsyncClient, fill: Fill, identities: Any, user_id: str
) -> None:
    await fill(user_id, 2)
    users = [user_id, *(f"{'x' * 30}{n}" for n in range(9_999))]

    answer = await http.post(
        "/internal/heads",
        content=HeadsRequest(user_ids=users).model_dump_json(),
        headers=identities.service() | {"Content-Type": "application/json"},
    )

    heads = HeadsAnswer.model_validate_json(answer.content)
    assert len(heads.heads) == 10_000
    assert (heads.heads[user_id], heads.heads[users[1]]) == ((1, 2, 2), (1, 0, 0))
    assert heads.balances == {user_id: {"USD": 2}}


@pytest.mark.parametrize("path", ["/internal/streams", "/internal/heads"])
async def test_a_user_cannot_ask_what_gateways_ask(
    http: httpx.AsyncClient, me: dict[str, str], identities: Any, path: str
) -> None:
    body: dict[str, object] = {"requests": []} if path.endswith("streams") else {"user_ids": []}
    operator = {"Authorization": f"Bearer {identities.issuer.token('op', ['operator'])}"}

    assert (await http.post(path, json=body, headers=me)).status_code == 403
    assert (await http.post(path, json=body, headers=operator)).status_code == 403
