"""Takes deliveries straight off aiormq's reader: it makes a task for each, which doubles their cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pamqp.header import ContentHeader

if TYPE_CHECKING:
    from aiormq.abc import DeliveredMessage
    from aiormq.channel import Channel
    from pamqp import commands as spec

OnDelivery = Callable[["spec.Basic.Deliver", "DeliveredMessage"], None]


def take_deliveries(channel: Channel, on_delivery: OnDelivery) -> None:
    """Have ``on_delivery`` called for every delivery on this channel, in order. It must not block."""

    async def take(frame: spec.Basic.Deliver) -> None:
        header = await channel._get_frame()
        assert isinstance(header, ContentHeader)
        on_delivery(frame, await channel._read_content(frame, header))

    channel._on_deliver_frame = take  # type: ignore[method-assign]  # It takes the place of the channel's own.


async def start_consuming(channel: Channel, queue: str, *, no_ack: bool) -> str:
    """Begin consuming; returns the consumer's tag."""
    consumed = await channel.basic_consume(queue, _never_called, no_ack=no_ack, exclusive=no_ack, timeout=5)
    return consumed.consumer_tag or ""


async def _never_called(_: DeliveredMessage) -> None:
    raise AssertionError("deliveries are taken off the reader")
