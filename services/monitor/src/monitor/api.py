"""Flags over HTTP: looked at, and answered by their owner."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from monitor.domain.flag import Disputed, Flag, State, UnknownFlag
from monitor.handlers.answers import confirm_activity, dispute_activity
from monitor.handlers.history import many_flags, one_flag
from shared.http.auth import Caller
from shared.http.openapi import refusals
from shared.http.pages import Before, Limit, link_next
from shared.http.problems import Problem, not_found
from shared.outbox import Outbox

UserId = Annotated[str | None, Query(max_length=200)]
LeastScore = Annotated[float, Query(ge=0, le=1, description="Those with this score or a higher one.")]


class FlagView(BaseModel):
    """``freezes``: answered "Not me", the user can spend nothing until an operator lifts it.

    ``rules`` and ``score`` are for operators and services; whoever took an account over is not told them.
    """

    flag_id: UUID
    user_id: str
    seen: str
    state: Literal["logged", "open", "confirmed", "disputed"]
    freezes: bool
    rules: list[str] | None
    score: float | None
    occurred_at: datetime
    answered_at: datetime | None

    @classmethod
    def of(cls, flag: Flag, *, for_operators: bool) -> Self:
        return cls(
            flag_id=flag.id,
            user_id=flag.user_id,
            seen=flag.seen,
            state=flag.state.value,
            freezes=flag.freezes,
            rules=list(flag.rules) if for_operators else None,
            score=flag.score if for_operators else None,
            occurred_at=flag.occurred_at,
            answered_at=flag.answered_at,
        )


class FlagsView(BaseModel):
    items: list[FlagView]
    next: str | None


def activity(outbox: Outbox) -> APIRouter:
    router = APIRouter(prefix="/v1/activity", tags=["activity"])

    @router.get("", responses=refusals(not_found=404))
    async def list_activity(
        caller: Caller,
        request: Request,
        response: Response,
        user_id: UserId = None,
        state: State | None = None,
        least_score: LeastScore = 0,
        before: Before = None,
        limit: Limit = 50,
    ) -> FlagsView:
        """Newest first: one's own; for operators and services everybody's, or one user's.

        Operators and services see what is only logged, too.
        """
        if user_id is None:
            user_id = None if caller.acts_for_all else caller.user_id
        elif not caller.may_act_for(user_id):
            raise not_found("user")
        async with outbox.transaction() as tx:
            page, following = await many_flags(
                tx,
                user_id=user_id,
                state=state,
                least_score=least_score if caller.acts_for_all else 0,
                acts_for_all=caller.acts_for_all,
                before=before,
                limit=limit,
            )
        link_next(request, response, following, limit)
        items = [FlagView.of(flag, for_operators=caller.acts_for_all) for flag in page]
        return FlagsView(items=items, next=following)

    @router.get("/{flag_id}")
    async def get_activity(flag_id: UUID, caller: Caller) -> FlagView:
        async with outbox.transaction() as tx:
            try:
                flag = await one_flag(tx, flag_id, caller=caller.user_id, acts_for_all=caller.acts_for_all)
            except UnknownFlag:
                raise not_found("activity") from None
        return FlagView.of(flag, for_operators=caller.acts_for_all)

    @router.post("/{flag_id}/confirm", name="confirm_activity", responses=refusals(state_conflict=409))
    async def confirm(flag_id: UUID, caller: Caller) -> FlagView:
        """This was me. Only its owner says so; asked again it answers the same."""
        return await _answer(confirm_activity, flag_id, caller)

    @router.post("/{flag_id}/dispute", name="dispute_activity")
    async def dispute(flag_id: UUID, caller: Caller) -> FlagView:
        """Not me. Only its owner says so, also after a confirmation; asked again it answers the same."""
        return await _answer(dispute_activity, flag_id, caller)

    async def _answer(handler: Callable[..., Awaitable[Flag]], flag_id: UUID, caller: Caller) -> FlagView:
        try:
            async with outbox.transaction() as tx:
                flag = await handler(tx, flag_id, caller=caller.user_id)
        except UnknownFlag:
            raise not_found("activity") from None
        except Disputed as refusal:
            detail = "It was disputed. Contact support to take that back."
            raise Problem(409, "state_conflict", detail, state=refusal.flag.state.value) from None
        return FlagView.of(flag, for_operators=caller.acts_for_all)

    return router
