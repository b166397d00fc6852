"""Waits for a condition, never for a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(
    condition: Callable[[], Awaitable[T]], *, within_seconds: float = 20, every_seconds: float = 0.01
) -> T:
    """The first true answer of ``condition``. Raises TimeoutError."""
    async with asyncio.timeout(within_seconds):
        while True:
            answer = await condition()
            if answer:
                return answer
            await asyncio.sleep(every_seconds)
