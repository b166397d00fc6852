"""A user's own notifications: history, unread count, and marking as read on every tab at once."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Response

from notifier.adapters import streams, wire
from notifier.adapters.push import Push
from notifier.api.views import CountView, HistoryQuery, HistoryView, ReadUpTo, ReadView, history
from notifier.handlers.history import read_page
from notifier.handlers.reads import Reading, mark_read, mark_read_up_to
from shared.db import Database
from shared.http.auth import Caller

PREFIX = "/v1/notifications"


def notifications(db: Database, push: Push) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["notifications"])

    @router.get("")
    async def list_notifications(
        identity: Caller, query: Annotated[HistoryQuery, Query()], response: Response
    ) -> HistoryView:
        async with db.autocommit() as tx:
            page = await read_page(
                tx, identity.user_id, before=query.before, limit=query.limit, filters=query.filters()
            )
        if page.next is not None:
            response.headers["Link"] = _next_link(query, page.next)
        return history(page.head, page.rows, page.next)

    @router.get("/unread")
    async def count_unread(identity: Caller) -> CountView:
        async with db.autocommit() as tx:
            return CountView.of((await streams.heads(tx, [identity.user_id]))[identity.user_id])

    @router.post("/read")
    async def read_up_to(identity: Caller, body: ReadUpTo) -> ReadView:
        async with db.transaction() as tx:
            reading = await mark_read_up_to(tx, identity.user_id, body.up_to_seq)
        return _told(reading)

    @router.post("/{notification_id}/read")
    async def read_one(identity: Caller, notification_id: UUID) -> ReadView:
        async with db.transaction() as tx:
            reading = await mark_read(tx, identity.user_id, notification_id)
        return _told(reading)

    def _told(reading: Reading) -> ReadView:
        # After the commit, and only a hint: a tab that misses it learns of the higher revision.
        if reading.changed:
            push.hint([wire.read(reading.head, reading.ids)])
        return ReadView.after(reading)

    return router


def _next_link(query: HistoryQuery, following: str) -> str:
    parameters = query.model_dump(mode="json", exclude_defaults=True, exclude={"before"}) | {
        "before": following
    }
    written = {name: "true" if value is True else value for name, value in parameters.items()}
    return f'<{PREFIX}?{urlencode(written)}>; rel="next"'
