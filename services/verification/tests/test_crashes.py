"""A crash at each single step of each story: afterwards the story ends as if nothing had been."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.verification.tests.bench import Bench
from services.verification.tests.fragile import FragileTransport, fragile
from shared.http.auth import Identity
from shared.testing.crashes import Crash, Fuse
from verification.adapters.providers.fake import Fails, FakeProvider
from verification.domain.machine import State
from verification.domain.orders import OrderState
from verification.handlers.cancelling import cancel
from verification.main import named, trade_of

if TYPE_CHECKING:
    from services.verification.tests.bench import Books
    from verification.main import Settings

STORIES = {
    "code": (None, "completed", "posted"),
    "declined": (Fails.DECLINES, "failed", "voided"),
    "acted and timed out": (Fails.AFTER, "completed", "posted"),
    "never acted": (Fails.BEFORE, "failed", "voided"),
    "deadline": (None, "timed_out", "posted"),
    "cancelled": (None, "cancelled", "posted"),
}
ENDS = {"completed", "failed", "timed_out", "cancelled", "rejected"}


@pytest.fixture
def fuse() -> Fuse:
    return Fuse()


@pytest.fixture
async def mortal(
    verification_settings: Settings, credit_app: Any, books: Books, provider: FakeProvider, fuse: Fuse
) -> AsyncIterator[Bench]:
    transport = FragileTransport(httpx.ASGITransport(credit_app, raise_app_exceptions=False), fuse)
    async with httpx.AsyncClient(transport=transport, base_url="http://credit") as http:
        trade, _ = trade_of(verification_settings, named([provider]), http)
        await trade.db.connect()
        yield Bench(fragile(trade, fuse), provider, books)
        await trade.db.close()


async def play(story: str, bench: Bench, user: str, id_: UUID) -> None:
    """What everybody does, from wherever it stands; dies where the fuse ends."""
    row = await bench.request(user, id_)
    for _ in range(6):
        if row["state"] in ENDS:
            return
        row = await bench.books.row(id_)
        if row["state"] == State.AWAITING_SMS:
            await awaited(story, bench, user, id_, row["order_id"])
        await bench.run(id_)
        row = await bench.books.row(id_)


async def awaited(story: str, bench: Bench, user: str, id_: UUID, order_id: str) -> None:
    if story == "deadline":
        await bench.books.put(id_, "deadline = now()")
    elif story == "cancelled":
        await cancel(bench.trade, id_, Identity(user, frozenset({"user"}), 0))
    elif bench.provider.orders[order_id].state is OrderState.PENDING:
        bench.provider.sms(order_id, "4242")


@pytest.mark.parametrize("story", STORIES)
async def test_a_crash_at_any_step_changes_nothing_in_the_end(mortal: Bench, fuse: Fuse, story: str) -> None:
    how, end, hold = STORIES[story]
    step, crashed = 0, True
    while crashed:
        user, id_ = await mortal.books.user_with("5.00"), uuid4()
        mortal.provider.failing["buy"] = [how] if how else []
        fuse.left, crashed = step, True
        with suppress(Crash):
            await play(story, mortal, user, id_)
            crashed = False
        fuse.left = None
        await play(story, mortal, user, id_)

        row = await mortal.books.row(id_)
        # Whoever dies between the hint and the purchase has not bought; that is known, and nobody pays.
        lost = crashed and mortal.provider.bought[row["reference"]] == 0
        assert (row["state"], await mortal.books.hold(id_)) == (
            ("failed", "voided") if lost else (end, hold)
        ), f"at step {step}"
        assert mortal.provider.bought[row["reference"]] <= 1
        assert len(await mortal.books.deductions(id_)) == (row["transfer_id"] is not None)
        assert (await mortal.books.account(user))[1] == 0
        published = await mortal.books.published(user)
        assert len(set(published)) == len(published)
        step += 1
    assert step > 8
