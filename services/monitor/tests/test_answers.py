"""This was me, or not me: said by the owner alone, once, and told to the others as an event."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

from monitor.domain.observation import Kind
from services.monitor.tests.facts import fact, one, spent

if TYPE_CHECKING:
    from services.monitor.tests.desk import Desk
    from shared.testing.identities import Issuer


class Api:
    def __init__(self, http: httpx.AsyncClient, users: Issuer) -> None:
        self._http = http
        self._users = users

    async def __call__(
        self, method: str, path: str, caller: str, *roles: str, **query: Any
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {self._users.token(caller, roles or ('user',))}"}
        return await self._http.request(method, f"/v1/activity{path}", headers=headers, params=query)


@pytest.fixture
def api(http: httpx.AsyncClient, users: Issuer) -> Api:
    return Api(http, users)


async def flagged(desk: Desk, user: str, rule: str = "same-amount", *, alert: bool = True) -> str:
    """A new flag of the user's."""
    if rule == "refunds-a-day":
        facts = [fact(Kind.REFUND_ASKED, n, user_id=user) for n in range(2)]
    else:
        facts = [spent(n, 5_00, user_id=user) for n in range(3)]
    await desk.observe([one(rule, alert=alert)], facts)
    return str((await desk.flags(user))[-1]["id"])


async def said(desk: Desk, user: str) -> list[dict[str, Any]]:
    """The answers that were published, each with its type."""
    published = await desk.published(user)
    return [{"type": row["type"], **row["data"]} for row in published if row["type"] != "activity.flagged.v1"]


@pytest.mark.parametrize(
    ("how", "state", "told"),
    [
        ("confirm", "confirmed", {"type": "activity.confirmed.v1"}),
        ("dispute", "disputed", {"type": "activity.disputed.v1", "freeze": True}),
    ],
)
async def test_an_answer_is_taken_once_and_published_once_however_often_it_is_given(
    desk: Desk, api: Api, user: str, how: str, state: str, told: dict[str, Any]
) -> None:
    flag = await flagged(desk, user)

    answers = await asyncio.gather(*(api("POST", f"/{flag}/{how}", user) for _ in range(4)))

    assert [answer.status_code for answer in answers] == [200] * 4
    (view,) = {answer.text for answer in answers}
    assert answers[0].json()["state"] == state, view
    assert await said(desk, user) == [told | {"flag_id": flag}]


async def test_not_me_is_the_last_word(desk: Desk, api: Api, user: str) -> None:
    """Whoever has taken the account over may have confirmed it before."""
    flag = await flagged(desk, user)
    await api("POST", f"/{flag}/confirm", user)

    assert (await api("POST", f"/{flag}/dispute", user)).json()["state"] == "disputed"
    refused = await api("POST", f"/{flag}/confirm", user)

    assert (refused.status_code, refused.json()["code"]) == (409, "state_conflict")
    assert [answer["type"] for answer in await said(desk, user)] == [
        "activity.confirmed.v1",
        "activity.disputed.v1",
    ]


async def test_a_rule_that_does_not_freeze_says_so(desk: Desk, api: Api, user: str) -> None:
    flag = await flagged(desk, user, "refunds-a-day")
    await api("POST", f"/{flag}/dispute", user)

    assert [answer["freeze"] for answer in await said(desk, user)] == [False]


@pytest.mark.parametrize("how", ["confirm", "dispute"])
async def test_nobody_but_the_owner_answers(desk: Desk, api: Api, user: str, how: str) -> None:
    flag = await flagged(desk, user)

    for caller, role in ((f"{user}-2", "user"), ("op", "operator")):
        assert (await api("POST", f"/{flag}/{how}", caller, role)).status_code == 404
    assert (await api("POST", f"/{uuid4()}/{how}", user)).status_code == 404
    assert (await api("GET", f"/{flag}", user)).json()["state"] == "open"
    assert await said(desk, user) == []


async def test_its_owner_sees_what_was_seen_and_operators_see_why(desk: Desk, api: Api, user: str) -> None:
    flag = await flagged(desk, user)

    own, theirs = [(await api("GET", f"/{flag}", *who)).json() for who in ((user,), ("op", "operator"))]

    assert own["seen"] == theirs["seen"] == "3 debits of exactly $5.00 within an hour"
    assert (own["rules"], own["score"]) == (None, None)
    assert (theirs["rules"], theirs["score"], theirs["freezes"]) == (["same-amount"], 0.4, True)
    assert (await api("GET", f"/{flag}", f"{user}-2")).status_code == 404


async def test_what_is_only_logged_is_there_for_operators_alone(desk: Desk, api: Api, user: str) -> None:
    flag = await flagged(desk, user, alert=False)

    assert (await api("GET", f"/{flag}", user)).status_code == 404
    assert (await api("POST", f"/{flag}/dispute", user)).status_code == 404
    assert (await api("GET", "", user)).json()["items"] == []
    (seen,) = (await api("GET", "", "op", "operator", user_id=user)).json()["items"]
    assert (seen["flag_id"], seen["state"]) == (flag, "logged")
    assert (await api("GET", "", "op", "operator", user_id=user, least_score=0.7)).json()["items"] == []


async def test_a_list_goes_on_where_it_ended(desk: Desk, api: Api, user: str) -> None:
    flags = [await flagged(desk, user, "refunds-a-day"), await flagged(desk, user)]

    first = (await api("GET", "", user, limit=1)).json()
    second = (await api("GET", "", user, limit=1, before=first["next"])).json()

    assert [page["items"][0]["flag_id"] for page in (first, second)] == flags[::-1]
    assert second["next"] is None
    assert (await api("GET", "", user, state="disputed")).json()["items"] == []
    assert (await api("GET", "", user, user_id="somebody")).status_code == 404
    assert (await api("GET", "", user, before="?")).status_code == 422
