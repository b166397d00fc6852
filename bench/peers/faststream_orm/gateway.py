"""Sends each notification to every socket of its user: FastAPI's connection manager, fed by FastStream."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from faststream.rabbit import RabbitBroker, RabbitQueue

from bench.peers.faststream_orm.events import NOTIFICATIONS, Notified

broker = RabbitBroker(os.environ["BENCH_BROKER_URL"], logger=None)


class ConnectionManager:
    def __init__(self) -> None:
        self._connections: defaultdict[str, list[WebSocket]] = defaultdict(list)

    async def connect(self, user_id: str, websocket: WebSocket) -> None:
        await websocket.accept()
        self._connections[user_id].append(websocket)
        await websocket.send_json({"type": "live"})

    def disconnect(self, user_id: str, websocket: WebSocket) -> None:
        self._connections[user_id].remove(websocket)

    async def send(self, user_id: str, text: str) -> None:
        for connection in self._connections[user_id]:
            await connection.send_text(text)


manager = ConnectionManager()


@broker.subscriber(RabbitQueue(f"gateway-{uuid4()}", exclusive=True, auto_delete=True), NOTIFICATIONS)
async def push(notified: Notified) -> None:
    await manager.send(notified.user_id, notified.model_dump_json())


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with broker:
        await broker.start()
        yield


app = FastAPI(lifespan=lifespan)


@app.websocket("/tabs/{user_id}")
async def tab(websocket: WebSocket, user_id: str) -> None:
    await manager.connect(user_id, websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        manager.disconnect(user_id, websocket)
