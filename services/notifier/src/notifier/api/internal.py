"""What gateways ask on behalf of all their tabs: many resumes, or many heads, in one call."""

from __future__ import annotations

import orjson
from fastapi import APIRouter, Response

from notifier.adapters import streams, wire
from notifier.handlers.resume import Resumed, resume
from shared.db import Database
from shared.http.auth import SERVICE, Caller, require_role
from shared.streams import (
    HEADS_PATH,
    STREAMS_PATH,
    HeadsAnswer,
    HeadsRequest,
    StreamsAnswer,
    StreamsRequest,
)


def internal(db: Database) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.post(STREAMS_PATH, response_model=StreamsAnswer)
    async def read_streams(identity: Caller, body: StreamsRequest) -> Response:
        require_role(identity, SERVICE)
        async with db.autocommit() as tx:
            resumed = await resume(tx, body.requests)
        return _json({"answers": [_answer(each) for each in resumed]})

    @router.post(HEADS_PATH, response_model=HeadsAnswer)
    async def read_heads(identity: Caller, body: HeadsRequest) -> Response:
        require_role(identity, SERVICE)
        async with db.autocommit() as tx:
            heads = await streams.heads(tx, body.user_ids)
            balances = await streams.balances(tx, list(heads))
        return _json(
            {
                "heads": {
                    user: (head.cursor.epoch, head.cursor.seq, head.rev) for user, head in heads.items()
                },
                "balances": {
                    user: {balance.currency: balance.version for balance in known}
                    for user, known in balances.items()
                },
            }
        )

    return router


def _answer(resumed: Resumed) -> wire.Item:
    head = resumed.standing.head
    return {
        "user_id": head.user_id,
        "reset": resumed.reset,
        "items": [wire.replayed(row, head) for row in resumed.rows],
        "head": str(head.cursor),
        "unread": head.unread,
        "rev": head.rev,
        "read_seq": head.read_seq,
        "balances": [wire.balance_changed(balance) for balance in resumed.standing.balances],
    }


def _json(content: wire.Item) -> Response:
    """Past the response model, which would cost more than the database; tests hold it to the contract."""
    return Response(orjson.dumps(content), media_type="application/json")
