"""Events in: what the notifier has stored reaches the hub."""

from __future__ import annotations

from shared.events.notifier import EXCHANGE, STORED
from shared.messaging import FanoutListener
from shared.observability.logs import get_logger
from shared.observability.vitals import EXCHANGE as VITALS
from ws_gateway.handlers.hub import Hub
from ws_gateway.handlers.vitals import Watch

log = get_logger(__name__)


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


def listen_to_vitals(broker_url: str, watch: Watch) -> FanoutListener:
    """What is missed is told again in two seconds."""

    async def begin() -> None:
        log.info("vitals.listening")

    return FanoutListener(
        broker_url, VITALS, VITALS, name="ws-gateway.vitals.feed", on_message=watch.heard, on_linked=begin
    )
