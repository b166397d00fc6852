"""Events that a service could not handle, over HTTP: for operators only."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from shared.events.blank import blanked, blanked_headers
from shared.events.envelope import TYPE
from shared.http.auth import OPERATOR, Caller, require_role
from shared.http.bodies import Body, Reason
from shared.http.openapi import refusals
from shared.http.pages import Before, Limit, link_next
from shared.http.problems import Problem, busy, not_found
from shared.inbox import WAITING, DeadLetters, LetterClosed, UnknownLetter
from shared.inbox.letters import Tx
from shared.messaging import BrokerAway

if TYPE_CHECKING:
    from asyncpg import Record

COLLECTED_AT_MOST = 100
State = Literal["parked", "attempting", "handled", "discarded"]
Asked = Literal["waiting", State]


class LetterView(BaseModel):
    """`attempting`: its last try ended the process, or is under way. `attempts`: the tries on record."""

    id: UUID
    service: str
    queue: str
    type: str
    reason: str
    state: State
    attempts: int
    first_at: datetime
    last_at: datetime
    discarded_by: str | None
    discard_reason: str | None

    @classmethod
    def of(cls, service: str, row: Record) -> Self:
        return cls(service=service, type=row["routing_key"], **_shown(row))


class LettersView(BaseModel):
    """`dead`: how many lay in the broker's dead queue at the last look, 5 s ago at most."""

    items: list[LetterView]
    next: str | None
    dead: int


class OpenedLetterView(LetterView):
    """What is not known to be harmless is blanked. `data` is null if it is no JSON object or over 64 KiB."""

    headers: dict[str, str]
    data: object
    bytes: int

    @classmethod
    def of(cls, service: str, row: Record) -> Self:
        headers, body = row["headers"], row["body"]
        return cls(
            service=service,
            type=row["routing_key"],
            headers=blanked_headers(headers),
            data=blanked(headers.get(TYPE, ""), body),
            bytes=len(body),
            **_shown(row),
        )


class CollectedView(BaseModel):
    collected: int


class DiscardBody(Body):
    """Why it need never be handled."""

    reason: Reason


async def _operator(caller: Caller) -> str:
    require_role(caller, OPERATOR)
    return caller.user_id


Operator = Annotated[str, Depends(_operator)]


def dead_letters(service: str, letters: DeadLetters[Tx]) -> APIRouter:
    router = APIRouter(
        prefix=f"/v1/dead-letters/{service}", tags=["dead letters"], responses=refusals(forbidden=403)
    )

    @router.get("")
    async def list_dead_letters(
        _: Operator,
        request: Request,
        response: Response,
        state: Annotated[Asked, Query()] = "waiting",
        before: Before = None,
        limit: Limit = 50,
    ) -> LettersView:
        """Newest first. `waiting`: parked or attempting, all that waits for an operator."""
        page = await letters.many(WAITING if state == "waiting" else (state,), before, limit)
        link_next(request, response, page.next, limit)
        return LettersView(
            items=[LetterView.of(service, row) for row in page.items], next=page.next, dead=letters.dead
        )

    @router.post("/collect", responses=refusals(busy=503))
    async def collect_dead_letters(_: Operator) -> CollectedView:
        """Takes what died on the broker, 100 at most, to where it can be seen; nothing is tried."""
        try:
            return CollectedView(collected=await letters.collect(COLLECTED_AT_MOST))
        except BrokerAway:
            raise busy() from None

    @router.get("/{letter_id}", responses=refusals(not_found=404))
    async def get_dead_letter(letter_id: UUID, _: Operator) -> OpenedLetterView:
        """With its headers and data, without secrets."""
        try:
            return OpenedLetterView.of(service, await letters.one(letter_id))
        except UnknownLetter:
            raise _unknown() from None

    @router.post("/{letter_id}/replay", responses=refusals(not_found=404, state_conflict=409))
    async def replay_dead_letter(letter_id: UUID, _: Operator) -> OpenedLetterView:
        """Tries it at once, and answers with what came of it. What had its effect has no second one."""
        try:
            return OpenedLetterView.of(service, await letters.replay(letter_id))
        except UnknownLetter:
            raise _unknown() from None
        except LetterClosed as closed:
            raise _closed(closed) from None

    @router.post("/{letter_id}/discard", responses=refusals(not_found=404, state_conflict=409))
    async def discard_dead_letter(letter_id: UUID, body: DiscardBody, operator: Operator) -> OpenedLetterView:
        try:
            return OpenedLetterView.of(service, await letters.discard(letter_id, operator, body.reason))
        except UnknownLetter:
            raise _unknown() from None
        except LetterClosed as closed:
            raise _closed(closed) from None

    return router


def _shown(row: Record) -> dict[str, object]:
    names = (
        "id",
        "queue",
        "reason",
        "state",
        "attempts",
        "first_at",
        "last_at",
        "discarded_by",
        "discard_reason",
    )
    return {name: row[name] for name in names}


def _unknown() -> Problem:
    return not_found("dead letter")


def _closed(closed: LetterClosed) -> Problem:
    return Problem(409, "state_conflict", f"It is {closed.state} already.", state=closed.state)
