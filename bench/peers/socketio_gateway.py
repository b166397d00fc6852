"""A gateway with python-socketio: a room for every user, what to emit comes over RabbitMQ."""

from __future__ import annotations

import os
from typing import Any

import socketio

sio = socketio.AsyncServer(
    async_mode="asgi", client_manager=socketio.AsyncAioPikaManager(os.environ["BENCH_BROKER_URL"])
)
app = socketio.ASGIApp(sio)


@sio.event  # type: ignore[untyped-decorator]  # The package has no types.
async def connect(sid: str, _: dict[str, Any], auth: dict[str, str]) -> None:
    await sio.enter_room(sid, auth["user"])
