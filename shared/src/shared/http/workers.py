"""Background work that never dies silently and never takes the HTTP side down with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from prometheus_client import Counter

from shared.observability.logs import get_logger

log = get_logger(__name__)

RESTART_SECONDS = 1.0
CRASHES = Counter("worker_crashes_total", "Background workers that ended unexpectedly.", ["worker"])


class Workers:
    """Runs named coroutines until stopped; one that ends or raises is logged CRITICAL and run again."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(_keep_running(name, work), name=name))

    async def stop(self) -> None:
        """Cancel all and wait for each to finish what it has in hand."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


async def _keep_running(name: str, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except asyncio.CancelledError as error:
            # aiormq cancels what waits on a channel it loses; only stop() ends a worker.
            if _is_ending():
                raise
            log.critical("worker.crashed", worker=name, exc_info=error)
        except Exception as error:  # Logged, counted and begun again.
            log.critical("worker.crashed", worker=name, exc_info=error)
        CRASHES.labels(name).inc()
        await asyncio.sleep(RESTART_SECONDS)


def _is_ending() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
