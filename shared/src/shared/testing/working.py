"""Background work for the time of a block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


@asynccontextmanager
async def working(*works: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run workers until the block ends; what ended them before is not told, their effects are asserted."""
    tasks = [asyncio.ensure_future(work()) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
