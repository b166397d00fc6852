"""What the client makes of a line that misbehaves: the trouble is made between tab and real gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from playwright.async_api import BrowserContext

from ledgerbell.stack import Stack
from shared.testing.waiting import until
from tests.browser.client_tab import ClientTab
from tests.browser.meddler import Frame, Meddler, lose, open_through

NewProfile = Callable[[], Awaitable[BrowserContext]]

MARK_NEWEST = "() => window.client.markRead([window.client.state.items[0].id])"


# ---------------------------------------------------------------------- missing, double and stale frames


async def test_a_missed_frame_is_fetched_on_the_open_line_and_told_in_its_place(
    stack: Stack, owner: str, profile: BrowserContext
) -> None:
    meddler = Meddler(lose(2))
    tab = await open_through(meddler, profile, stack, owner)

    await stack.debit(owner, "1.00", reason="lost on the way")
    await stack.debit(owner, "1.00", reason="tells of the hole")

    await tab.until_seen(3)
    assert await tab.seqs_shown() == [1, 2, 3]
    assert await tab.seen("seqs") == [2, 3]
    await tab.until_popped_up(2, 3)
    assert len(meddler.lines) == 1


async def test_a_reading_that_was_missed_is_made_up_for_with_the_hole(
    stack: Stack, owner: str, new_profile: NewProfile
) -> None:
    lose_the_second = lose(2)
    meddler = Meddler(lambda frame: [] if frame["type"] == "read" else lose_the_second(frame))
    deaf = await open_through(meddler, await new_profile(), stack, owner)
    await read_elsewhere(stack, owner, await new_profile())

    await stack.debit(owner, "1.00", reason="lost on the way")
    await stack.debit(owner, "1.00", reason="tells of the hole")

    await deaf.until_seen(3)
    await deaf.until_unread(2)


async def test_a_reading_that_was_missed_is_made_up_for_at_the_next_connect(
    stack: Stack, owner: str, new_profile: NewProfile
) -> None:
    meddler = Meddler(lambda frame: [] if frame["type"] == "read" else [frame])
    deaf = await open_through(meddler, await new_profile(), stack, owner)
    await read_elsewhere(stack, owner, await new_profile())

    await meddler.close(1012)

    await deaf.until_unread(0)
    assert len(meddler.lines) == 2


async def test_a_reading_that_was_missed_is_made_up_for_when_the_next_count_tells_of_it(
    stack: Stack, owner: str, new_profile: NewProfile
) -> None:
    meddler = Meddler(lambda frame: [] if frame["type"] == "read" else [frame])
    deaf = await open_through(meddler, await new_profile(), stack, owner)
    await read_elsewhere(stack, owner, await new_profile())

    await stack.debit(owner, "1.00", reason="counts one reading more than was heard of")

    await deaf.until_seen(2)
    await deaf.until_unread(1)
    assert len(meddler.lines) == 1


async def read_elsewhere(stack: Stack, user_id: str, profile: BrowserContext) -> None:
    """Everything there is by now."""
    other = await ClientTab.open(profile, stack, user_id)
    await other.until_online()
    await other.page.evaluate(MARK_NEWEST)
    await other.until_unread(0)


async def test_a_count_without_its_reason_makes_the_client_look_for_it(
    stack: Stack, owner: str, new_profile: NewProfile
) -> None:
    meddler = Meddler(lambda frame: [frame | {"ids": []}] if frame["type"] == "read" else [frame])
    tab = await open_through(meddler, await new_profile(), stack, owner)

    await read_elsewhere(stack, owner, await new_profile())

    await tab.until_unread(0)


async def test_what_comes_twice_is_told_once(stack: Stack, owner: str, profile: BrowserContext) -> None:
    tab = await open_through(Meddler(lambda frame: [frame, frame]), profile, stack, owner)

    await stack.debit(owner, "1.00", reason="twice")
    await stack.debit(owner, "1.00", reason="twice too")

    await tab.until_seen(3)
    await tab.until_popped_up(2, 3)
    assert await tab.seen("seqs") == [2, 3]
    await tab.until_unread(3)


async def test_a_stale_balance_or_count_never_comes_back(
    stack: Stack, owner: str, profile: BrowserContext
) -> None:
    stale_balance = {"type": "balance", "currency": "USD", "version": 0}
    stale_balance |= {"posted": "99.00", "held": "0.00", "available": "99.00"}
    stale_reading = {"type": "read", "read_seq": 0, "ids": [], "seq": 1, "rev": 0, "unread": 99}
    tab = await open_through(
        Meddler(lambda frame: [frame, stale_balance, stale_reading]), profile, stack, owner
    )

    await stack.debit(owner, "2.50", reason="now")

    await tab.until_seen(2)
    await tab.until_available("7.50")
    await tab.until_unread(2)
    assert {entry["unread"] for entry in await tab.seen("counted")} <= {0, 1, 2}


async def test_a_frame_of_a_later_version_is_passed_by(
    stack: Stack, owner: str, profile: BrowserContext
) -> None:
    tab = await open_through(
        Meddler(lambda frame: [{"type": "novelty", "seq": 99}, frame]), profile, stack, owner
    )

    await stack.debit(owner, "1.00", reason="beside it")

    await tab.until_seen(2)
    assert await tab.seen("errors") == []


async def test_an_error_of_the_gateway_is_told_with_its_words(
    stack: Stack, owner: str, profile: BrowserContext
) -> None:
    meddler = Meddler()
    tab = await open_through(meddler, profile, stack, owner)

    meddler.tell('{"type": "error", "code": "odd", "message": "That was odd.", "ref": "a1"}')

    async def told() -> bool:
        return bool(await tab.seen("errors") == ["gateway"])

    await until(told)


async def test_a_stream_that_was_rebuilt_is_read_afresh(
    stack: Stack, owner: str, profile: BrowserContext
) -> None:
    welcomes: list[Frame] = []

    def rebuilt_at_the_second_welcome(frame: Frame) -> list[Frame]:
        if frame["type"] != "welcome":
            return [frame]
        welcomes.append(frame)
        return [frame | {"resume": "reset" if len(welcomes) == 2 else "ok"}]

    meddler = Meddler(rebuilt_at_the_second_welcome)
    tab = await open_through(meddler, profile, stack, owner)
    await stack.debit(owner, "1.00", reason="before")
    await tab.until_popped_up(2)
    known = await tab.seen("resets")

    await meddler.close(1012)

    async def read_afresh() -> bool:
        return bool(await tab.seen("resets") == [*known, "1:2"])

    await until(read_afresh)
    await stack.debit(owner, "1.00", reason="after")
    await tab.until_seen(3)
    assert await tab.seqs_shown() == [1, 2, 3]
    await tab.until_popped_up(2, 3)


# ---------------------------------------------------------------------- what was shown


async def test_only_the_newest_that_was_shown_is_acknowledged(
    stack: Stack, owner: str, profile: BrowserContext
) -> None:
    meddler = Meddler()
    tab = await open_through(meddler, profile, stack, owner)
    for _ in range(6):
        await stack.debit(owner, "0.10", reason="one after the other")
    await tab.until_seen(7)

    await show(tab, 2, 3, 5, 4, 7)
    acked = [await meddler.next_said("ack"), await meddler.next_said("ack")]
    await show(tab, 6, 7)
    await stack.debit(owner, "0.10", reason="one more")
    await tab.until_seen(8)
    await show(tab, 8)
    acked.append(await meddler.next_said("ack"))

    assert [ack["seq"] for ack in acked] == [2, 7, 8]


async def test_a_new_line_is_told_again_what_was_shown(
    stack: Stack, owner: str, profile: BrowserContext
) -> None:
    meddler = Meddler()
    tab = await open_through(meddler, profile, stack, owner)
    await stack.debit(owner, "0.10", reason="seen before the end")
    await tab.until_seen(2)
    await show(tab, 2)
    acked = [await meddler.next_said("ack")]

    await meddler.close(1012)

    acked.append(await meddler.next_said("ack"))
    assert [ack["seq"] for ack in acked] == [2, 2]


async def test_what_another_tab_has_shown_is_acknowledged_on_the_one_line(
    stack: Stack, owner: str, profile: BrowserContext
) -> None:
    meddler = Meddler()
    await open_through(meddler, profile, stack, owner)
    follower = await ClientTab.open(profile, stack, owner)
    await follower.until_on("tab")
    await stack.debit(owner, "0.10", reason="seen by both")
    await follower.until_seen(2)

    await show(follower, 2)

    assert (await meddler.next_said("ack"))["seq"] == 2


async def show(tab: ClientTab, *seqs: int) -> None:
    await tab.page.evaluate("(seqs) => seqs.forEach((seq) => window.client.shown(seq))", list(seqs))
