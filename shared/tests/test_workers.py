"""Background work goes on whatever ended it, and ends when it is told to."""

import asyncio

from shared.http import Workers


async def test_a_worker_that_something_else_cancelled_is_run_again() -> None:
    runs = asyncio.Queue[int]()
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        runs.put_nowait(begun)
        if begun == 1:  # As a client library does to whoever waits on a channel that it loses.
            lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            lost.cancel()
            await lost
        await asyncio.Event().wait()

    workers = Workers()
    workers.start("test", work)
    try:
        async with asyncio.timeout(5):
            assert [await runs.get(), await runs.get()] == [1, 2]
    finally:
        await asyncio.wait_for(workers.stop(), 5)
