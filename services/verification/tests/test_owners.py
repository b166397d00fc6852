"""Whose verification it is: nobody else sees or ends it, and the code is its owner's alone."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from verification.domain.machine import State

if TYPE_CHECKING:
    from services.verification.tests.bench import Api, Bench


async def completed(bench: Bench) -> tuple[UUID, str]:
    id_ = await bench.awaiting()
    bench.provider.sms(await bench.order_id(id_), "48151")
    assert await bench.run(id_) == State.COMPLETED
    return id_, await bench.user_of(id_)


async def test_its_owner_sees_the_code(api: Api, bench: Bench) -> None:
    id_, user = await completed(bench)

    status, view = await api.call("GET", f"/{id_}", user)
    _, listed = await api.call("GET", "", user)

    assert (status, view["code"]) == (200, "48151")
    assert listed["items"] == [view]


async def test_an_operator_sees_it_without_the_code(api: Api, bench: Bench) -> None:
    id_, user = await completed(bench)

    status, view = await api.call("GET", f"/{id_}", "op", "operator")
    _, listed = await api.call("GET", f"?user_id={user}", "op", "operator")

    assert (status, view["code"]) == (200, None)
    assert view["phone_number"] == (await bench.books.row(id_))["phone_number"]
    assert listed["items"] == [view]


async def test_to_anybody_else_there_is_none(api: Api, bench: Bench) -> None:
    id_ = await bench.awaiting()
    user, other = await bench.user_of(id_), f"user-{uuid4()}"

    looked = await api.call("GET", f"/{id_}", other)
    cancelled = await api.call("POST", f"/{id_}/cancel", other)
    unheard = await api.call("GET", f"/{uuid4()}", other)
    listed = await api.call("GET", f"?user_id={user}", other)

    assert [looked[0], cancelled[0], unheard[0], listed[0]] == [404] * 4
    assert (looked[1]["code"], looked[1]["detail"]) == (unheard[1]["code"], unheard[1]["detail"])
    assert (await api.call("GET", "", other))[1]["items"] == []
    assert await bench.books.state(id_) == State.AWAITING_SMS


async def test_an_operator_may_end_it(api: Api, bench: Bench) -> None:
    id_ = await bench.awaiting()

    status, view = await api.call("POST", f"/{id_}/cancel", "op", "operator")

    assert status == 202
    assert view["state"] in (State.CANCELLING, State.CANCELLED)
