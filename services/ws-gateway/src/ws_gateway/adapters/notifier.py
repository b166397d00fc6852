"""Reads streams at the notifier: resumes that wait leave together in one request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

import httpx
from pydantic import ValidationError

from shared.observability.logs import get_logger
from shared.streams import (
    HEADS_PATH,
    MAX_HEADS,
    MAX_STREAMS,
    STREAMS_PATH,
    Cursor,
    Head,
    HeadsAnswer,
    HeadsRequest,
    StreamAnswer,
    StreamRequest,
    StreamsAnswer,
    StreamsRequest,
)

log = get_logger(__name__)

ANSWER_SECONDS = 5.0

Answer = TypeVar("Answer", HeadsAnswer, StreamsAnswer)


class StreamsAway(Exception):
    """The notifier did not answer; nothing is known about the stream."""


class StreamReader:
    """Coalesces: while a request is under way, whoever asks waits for the next one.

    One and not two: a crowd is then read in half as many, which saves a twentieth of the gateway's part of a
    connect and a fifth of the notifier's.
    """

    def __init__(self, http: httpx.AsyncClient, token: Callable[[], str]) -> None:
        self._http = http
        self._token = token
        self._waiting: list[tuple[StreamRequest, asyncio.Future[StreamAnswer]]] = []
        self._arrived = asyncio.Event()

    async def run(self) -> None:
        while True:
            await self._arrived.wait()
            waiting = [each for each in self._waiting if not each[1].done()]
            batch, self._waiting = waiting[:MAX_STREAMS], waiting[MAX_STREAMS:]
            if not self._waiting:
                self._arrived.clear()
            if batch:
                await self._read(batch)

    async def read(self, user_id: str, after: Cursor | None) -> StreamAnswer:
        """What is after the cursor, the counts and the balances.

        Raises:
            StreamsAway: the notifier did not answer within 5 s.
        """
        future: asyncio.Future[StreamAnswer] = asyncio.get_running_loop().create_future()
        request = StreamRequest(user_id=user_id, after=None if after is None else str(after))
        self._waiting.append((request, future))
        self._arrived.set()
        try:
            return await asyncio.wait_for(future, ANSWER_SECONDS)
        except TimeoutError:
            raise StreamsAway("the notifier did not answer in time") from None

    async def heads(self, user_ids: Sequence[str]) -> HeadsAnswer:
        """Where each user's stream and balances stand. Raises StreamsAway."""
        heads: dict[str, Head] = {}
        balances: dict[str, dict[str, int]] = {}
        for start in range(0, len(user_ids), MAX_HEADS):
            request = HeadsRequest(user_ids=list(user_ids[start : start + MAX_HEADS]))
            answer = _answer(HeadsAnswer, await self._post(HEADS_PATH, request.model_dump_json()))
            heads |= answer.heads
            balances |= answer.balances
        return HeadsAnswer(heads=heads, balances=balances)

    async def _read(self, batch: list[tuple[StreamRequest, asyncio.Future[StreamAnswer]]]) -> None:
        request = StreamsRequest.model_construct(requests=[request for request, _ in batch])
        try:
            body = await self._post(STREAMS_PATH, request.model_dump_json())
            answers = _answer(StreamsAnswer, body).answers
            if len(answers) != len(batch):
                raise StreamsAway("the notifier answered another question")
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
        except StreamsAway:
            pass  # It has been logged.
        except Exception as error:  # One batch must not take those who come after it with it.
            log.error("notifier.read_failed", exc_info=error)
        finally:
            for _, future in batch:  # Whatever happened, nobody waits for an answer that will not come.
                if not future.done():
                    future.set_exception(StreamsAway("the notifier did not answer"))

    async def _post(self, path: str, content: str) -> bytes:
        headers = {"authorization": f"Bearer {self._token()}", "content-type": "application/json"}
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                response = await self._http.post(path, content=content, headers=headers)
            response.raise_for_status()
        except (httpx.HTTPError, TimeoutError) as error:
            log.warning("notifier.unanswered", path=path, error=repr(error))
            raise StreamsAway(repr(error)) from None
        return response.content


def _answer(kind: type[Answer], body: bytes) -> Answer:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        log.error("notifier.unreadable", error=repr(error))
        raise StreamsAway("unreadable answer") from None
