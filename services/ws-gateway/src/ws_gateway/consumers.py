"""Events in: what the notifier has stored reaches the hub."""

from __future__ import annotations

from shared.events.notifier import EXCHANGE, STORED
from shared.messaging import FanoutListener
from ws_gateway.handlers.hub import Hub


def listen(broker_url: str, hub: Hub) -> FanoutListener:
    """The gateway's ear. After every new link the heads are compared, because hints may have been lost."""
    return FanoutListener(
        broker_url,
        EXCHANGE,
        STORED,
        name="ws-gateway.feed",
        on_message=hub.stored,
        on_linked=hub.compare_heads,
    )
