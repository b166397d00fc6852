"""Where money moves: committed first, then announced, then answered; repeated, it answers the same again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Annotated, TypeAlias, TypeVar

from fastapi import Depends, Request, Response
from prometheus_client import Counter
from pydantic import BaseModel

from credit.adapters.ledger import Outcome
from credit.api.views import decimal
from credit.domain.commands import DeductCredits, Intent
from credit.domain.errors import ClaimedMeanwhile, KeyInFlight, KeyReused
from credit.handlers.deductions import Deductions
from shared.db import Database, Transaction
from shared.http.auth import Caller
from shared.http.idempotency import Key, in_flight, reused
from shared.http.problems import Problem, busy, not_found
from shared.outbox import Outbox

MOVEMENTS = Counter(
    "credit_movements_total", "Requests to move money by what became of them.", ["kind", "outcome"]
)

CommandT = TypeVar("CommandT")
Book: TypeAlias = Callable[[], Awaitable[Outcome]]
View: TypeAlias = Callable[[Mapping[str, object]], BaseModel]


class Till:
    """Opens each movement's transaction, and hands its events over once they are committed."""

    def __init__(self, db: Database, outbox: Outbox) -> None:
        self._db = db
        self._outbox = outbox
        self._deductions = Deductions(db)

    async def move(
        self,
        handler: Callable[[Transaction, CommandT], Awaitable[Outcome]],
        command: CommandT,
        view: View,
    ) -> Response:
        """The answer to a movement. Raises Problem when there is none yet, or it is a rejection."""

        async def alone() -> Outcome:
            async with self._db.autocommit() as tx:
                return await handler(tx, command)

        return await self._answer(handler.__name__, alone, view)

    async def deduct(self, command: DeductCredits, view: View) -> Response:
        """The same for money out, which goes through together with what else waits."""
        book = partial(self._deductions.deduct_credits, command)
        return await self._answer("deduct_credits", book, view)

    async def _answer(self, kind: str, book: Book, view: View) -> Response:
        try:
            outcome = await self._book(book)
        except KeyReused:
            MOVEMENTS.labels(kind, "idempotency_key_reused").inc()
            raise reused() from None
        except KeyInFlight:
            MOVEMENTS.labels(kind, "idempotency_key_in_flight").inc()
            raise in_flight() from None
        if outcome.rejected:
            MOVEMENTS.labels(kind, str(outcome.answer["code"])).inc()
            raise _rejection(outcome)
        MOVEMENTS.labels(kind, "booked" if outcome.events else "replayed").inc()
        body = view(outcome.answer).model_dump_json()
        return Response(body, outcome.status, media_type="application/json")

    async def _book(self, book: Book) -> Outcome:
        for _ in range(2):  # The second time finds what another request has just booked.
            try:
                outcome = await book()
            except ClaimedMeanwhile:
                continue
            self._outbox.committed(outcome.events)
            return outcome
        raise busy()


def _rejection(outcome: Outcome) -> Problem:
    answer = outcome.answer
    code = str(answer["code"])
    problem = _problem(outcome.status, code, answer)
    # The request that was rejected, also when this one is its repetition.
    problem.fields["ref"] = answer["ref"]
    return problem


def _problem(status: int, code: str, answer: Mapping[str, object]) -> Problem:
    if code == "not_found":
        return not_found(str(answer["what"]))
    detail = _DETAILS[code]
    if code == "insufficient_credits":
        currency = str(answer["currency"])
        return Problem(
            status,
            code,
            detail,
            available=decimal(int(str(answer["available_minor"])), currency),
            required=decimal(int(str(answer["amount_minor"])), currency),
            currency=currency,
        )
    if code == "state_conflict":
        return Problem(status, code, detail, state=answer["state"])
    return Problem(status, code, detail)


_DETAILS = {
    "insufficient_credits": "The available balance is smaller than the amount; add credits first.",
    "currency_mismatch": "The user has no account in this currency.",
    "account_closed": "The account is closed.",
    "account_frozen": "Nothing can be spent until support has looked at the account.",
    "balance_limit": "The balance would exceed the largest that is kept.",
    "transfer_conflict": "Another movement was booked under this transfer's id.",
    "state_conflict": "The hold is no longer placed.",
    "forbidden": "The hold was placed by another caller, who alone may end it.",
}


async def _till(request: Request) -> Till:
    till: Till = request.app.state.till
    return till


async def _db(request: Request) -> Database:
    db: Database = request.app.state.db
    return db


async def _intent(key: Key) -> Intent:
    return Intent(key.scope, key.key, key.fingerprint)


async def _owner(user_id: str, identity: Caller) -> str:
    """The user whose account the path names. Somebody else's is as if it did not exist."""
    owner = identity.user_id if user_id == "me" else user_id
    if not identity.may_act_for(owner):
        raise not_found("account")
    return owner


MoneyTill = Annotated[Till, Depends(_till)]
Db = Annotated[Database, Depends(_db)]
TheIntent = Annotated[Intent, Depends(_intent)]
Owner = Annotated[str, Depends(_owner)]
