"""The floor of a debit over HTTP: the same FastAPI on the same uvicorn, and one statement."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated

import asyncpg
import orjson
from fastapi import FastAPI, Header, HTTPException, Request
from pydantic import BaseModel

from bench.floor.schema import DEBIT

CONNECTIONS = 8  # As the product has.
SERVING = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--backlog", "4096")


class Body(BaseModel):
    """What the product is sent; the key is not looked at."""

    amount: Decimal
    currency: str
    reason: str

    @property
    def minor(self) -> int:
        return int(self.amount * 100)


class View(BaseModel):
    transfer_id: uuid.UUID
    user_id: str
    amount: str
    currency: str
    balance: int


Debit = Callable[[asyncpg.Pool, uuid.UUID, str, int], Awaitable[int | None]]
"""Books what is asked for and answers the new balance; None when there is too little."""


def app_of(debit: Debit) -> FastAPI:
    """The endpoint over a pool; the bearer's token is the user, unchecked."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        url = os.environ["BENCH_DATABASE_URL"]
        async with asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS) as app.state.pool:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/accounts/me/debits", status_code=201)
    async def deduct(request: Request, body: Body, authorization: Annotated[str, Header()]) -> View:
        user = authorization.removeprefix("Bearer ")
        transfer = uuid.uuid4()
        balance = await debit(request.app.state.pool, transfer, user, body.minor)
        if balance is None:
            raise HTTPException(402, "insufficient credits")
        return View(
            transfer_id=transfer,
            user_id=user,
            amount=str(body.amount),
            currency=body.currency,
            balance=balance,
        )

    return app


async def one_statement(pool: asyncpg.Pool, transfer: uuid.UUID, user: str, amount: int) -> int | None:
    rows = await pool.fetch(DEBIT, [transfer], [uuid.uuid4()], [user], [amount])
    return orjson.loads(rows[0]["body"])["balance_after"] if rows else None


app = app_of(one_statement)
