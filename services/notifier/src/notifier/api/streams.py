"""What is new since a cursor: the same as the socket says, for who polls."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from notifier.api.views import BalanceView, NotificationView, StreamView, counts
from notifier.handlers.resume import Resumed, Standing, resume_from, standings
from shared.db import Database
from shared.http.auth import Caller
from shared.streams import MAX_BEHIND, Cursor, CursorText, StreamRequest


class StreamQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    after: CursorText | None = None
    limit: int = Field(default=100, ge=1, le=MAX_BEHIND)


def stream(db: Database) -> APIRouter:
    router = APIRouter(tags=["stream"])

    @router.get("/v1/stream", response_model=StreamView, responses={304: {"description": "Nothing is new."}})
    async def read_stream(
        identity: Caller,
        query: Annotated[StreamQuery, Query()],
        response: Response,
        if_none_match: Annotated[str | None, Header(max_length=512)] = None,
    ) -> StreamView | Response:
        request = StreamRequest(user_id=identity.user_id, after=query.after, limit=query.limit)
        async with db.autocommit() as tx:
            standing = (await standings(tx, [identity.user_id]))[identity.user_id]
            etag = _etag(standing)
            if _is_current(standing, query.after) and etag in _tags(if_none_match):
                return Response(status_code=304, headers={"ETag": etag})
            [resumed] = await resume_from(tx, [(standing, request)])
        response.headers["ETag"] = etag
        return _view(resumed)

    return router


def _view(resumed: Resumed) -> StreamView:
    head = resumed.standing.head
    cursor = head.cursor
    if resumed.rows:
        cursor = Cursor(cursor.epoch, resumed.rows[-1]["seq"])
    return StreamView(
        items=NotificationView.all_of(resumed.rows, head),
        cursor=str(cursor),
        reset=resumed.reset,
        balances=[BalanceView.of(balance) for balance in resumed.standing.balances],
        **counts(head),
    )


def _etag(standing: Standing) -> str:
    """Everything that can change: the stream by its revision, each balance by its version."""
    head = standing.head
    balances = "".join(f".{balance.currency}{balance.version}" for balance in standing.balances)
    return f'"{head.cursor.epoch}.{head.cursor.seq}.{head.rev}{balances}"'


def _is_current(standing: Standing, after: str | None) -> bool:
    """A page that was cut short by its limit carries the same tag, and the rest of it is still wanted."""
    return after is None or after == str(standing.head.cursor)


def _tags(if_none_match: str | None) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
