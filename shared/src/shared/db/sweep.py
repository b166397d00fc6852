"""Work that is done in batches, by whoever gets to it, for as long as the process lives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from shared.db.database import CONTENTION, UNREACHABLE
from shared.observability.logs import get_logger

log = get_logger(__name__)


async def sweep(
    batch: Callable[[], Awaitable[int]],
    *,
    size: int,
    every_seconds: float,
    failed: str,
    passing: tuple[type[Exception], ...] = (),
) -> None:
    """Run ``batch``, which returns how many it found, until cancelled: at once again after a full one.

    What passes by itself, the database's trouble, contention and ``passing``, is logged as ``failed``.
    """
    passes: tuple[type[Exception], ...] = (*CONTENTION, *UNREACHABLE, *passing)
    while True:
        done = 0
        try:
            done = await batch()
        except passes as error:
            log.warning(failed, error=repr(error))
        if done < size:
            await asyncio.sleep(every_seconds)
