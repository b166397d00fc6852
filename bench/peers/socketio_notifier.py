"""The floor's notifier, which emits through python-socketio's manager as an external process does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import socketio
import uvloop

from bench.config import Config
from bench.floor.notifier import Tell, serve


@asynccontextmanager
async def emitting(config: Config) -> AsyncIterator[Tell]:
    manager = socketio.AsyncAioPikaManager(config.broker_url, write_only=True)

    async def tell(rows: list[asyncpg.Record]) -> None:
        for row in rows:
            data = {"type": "notification"} | {
                name: value if isinstance(value, int) else str(value) for name, value in row.items()
            }
            await manager.emit("notification", data, room=row["user_id"])

    yield tell


if __name__ == "__main__":
    uvloop.run(serve(emitting))
