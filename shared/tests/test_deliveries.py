"""Deliveries read off the wire: whole however the bytes come, and everything else passed on as it was."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import body, commands, frame, header, heartbeat

from shared.messaging import Delivery
from shared.messaging.deliveries import DeliveryReader

OURS, OTHERS = 1, 2
HEARTBEAT = frame.marshal(heartbeat.Heartbeat(), 0)
CONFIRM = frame.marshal(commands.Basic.Ack(delivery_tag=7, multiple=True), OURS)


def delivered(
    text: bytes,
    channel: int = OURS,
    *,
    tag: int = 1,
    again: bool = False,
    part_bytes: int = 1000,
    **properties: Any,
) -> list[bytes]:
    """Its frames, as pamqp packs them."""
    method = commands.Basic.Deliver("tag-of-consumer", tag, again, "credit.events", "credit.deducted.v1")
    head = header.ContentHeader(body_size=len(text), properties=commands.Basic.Properties(**properties))
    parts = [text[at : at + part_bytes] for at in range(0, len(text), part_bytes)]
    frames: list[Any] = [method, head, *map(body.ContentBody, parts)]
    return [frame.marshal(each, channel) for each in frames]


async def read(chunks: list[bytes], passed: int) -> tuple[list[Delivery], bytes]:
    """What our channel was delivered, and the first so many bytes of what was passed on."""
    source, took = asyncio.StreamReader(), list[Delivery]()
    reader = DeliveryReader(source)
    reader.take(OURS, took.append)
    for chunk in chunks:
        source.feed_data(chunk)
    source.feed_eof()
    return took, await reader.readexactly(passed)


async def test_a_delivery_has_all_that_was_sent_with_it() -> None:
    frames = delivered(
        b'{"amount": 5}',
        tag=2**40,
        again=True,
        content_type="application/json",
        headers={"id": "e1", "subject": "żółw"},
        delivery_mode=2,
        correlation_id="c",
        message_id="m1",
    )
    took, passed = await read([b"".join(frames)], len(HEARTBEAT))
    headers: dict[str, object] = {"id": "e1", "subject": "żółw"}
    assert took == [Delivery(2**40, "credit.deducted.v1", "m1", True, headers, b'{"amount": 5}')]
    assert passed == HEARTBEAT  # aiormq has to see that the connection is alive.


@pytest.mark.parametrize("value", [3, True, [1, "two"], {"deep": {"er": 1}}, None, bytearray(b"\xff")])
async def test_headers_of_others_may_hold_anything(value: object) -> None:
    frames = delivered(b"{}", headers={"first": "text", "x-death": value})
    (delivery,), _ = await read(frames, len(HEARTBEAT))
    assert delivery.headers == {"first": "text", "x-death": value}
    assert delivery.message_id is None


@given(
    texts=st.lists(st.binary(max_size=60), min_size=1, max_size=6),
    part_bytes=st.integers(1, 70),
    chunk_bytes=st.integers(1, 200),
)
def test_it_does_not_matter_how_the_bytes_come(texts: list[bytes], part_bytes: int, chunk_bytes: int) -> None:
    wire, others = b"", b""
    for tag, text in enumerate(texts, 1):
        # Another channel's frames may come between those of one delivery.
        ours = delivered(text, tag=tag, part_bytes=part_bytes, message_id=f"m{tag}")
        foreign = delivered(text, OTHERS, part_bytes=part_bytes)
        wire += b"".join(a + b for a, b in zip(ours, foreign, strict=True)) + CONFIRM
        others += b"".join(foreign) + CONFIRM
    chunks = [wire[at : at + chunk_bytes] for at in range(0, len(wire), chunk_bytes)]
    took, passed = asyncio.run(read(chunks, len(others)))
    assert [(each.tag, each.message_id, each.body) for each in took] == [
        (tag, f"m{tag}", text) for tag, text in enumerate(texts, 1)
    ]
    assert passed == others


async def test_what_speaks_no_amqp_is_passed_on() -> None:
    _, passed = await read([b"HTTP/1.1 400 Bad Request\r\n\r\n"], 4)
    assert passed == b"HTTP"
    _, refused = await read([b"AMQP\x00\x00\x09\x01"], 8)
    assert refused == b"AMQP\x00\x00\x09\x01"


async def test_a_connection_that_ends_in_a_frame_says_so() -> None:
    frames = b"".join(delivered(b"{}"))
    with pytest.raises(asyncio.IncompleteReadError):
        await read([frames[:-3]], len(HEARTBEAT) + 1)


async def test_a_connection_has_not_ended_while_part_of_a_frame_is_left() -> None:
    source = asyncio.StreamReader()
    reader = DeliveryReader(source)
    source.feed_data(CONFIRM + CONFIRM[:3])
    source.feed_eof()
    assert await reader.readexactly(len(CONFIRM)) == CONFIRM
    assert not reader.at_eof()


async def test_nonsense_ends_the_connection() -> None:
    _, head, text = delivered(b"{}")
    cut_short = frame.marshal(commands.Basic.Deliver("tag", 1, False, "x", "y"), OURS)[:20]
    for wire in (
        [delivered(b"{}")[0], text],  # A body whose header has not come.
        [cut_short[:3] + (12).to_bytes(4, "big") + cut_short[7:19] + b"\xce"],
    ):
        with pytest.raises(ConnectionError, match="a delivery cannot be read"):
            await read([b"".join(wire)], len(HEARTBEAT))
    # aiormq is given what has no end of a frame, and refuses it.
    broken = head[:-1] + b"\x00"
    assert (await read([broken], len(broken))) == ([], broken)
