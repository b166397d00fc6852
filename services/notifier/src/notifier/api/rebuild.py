"""A stream made anew of its events, over HTTP: for operators only."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from notifier.domain.comparison import Difference, What
from notifier.handlers.rebuild import Comparison, NotReplayable, Rebuilder, UnknownStream
from shared.http.auth import OPERATOR, Caller, require_role
from shared.http.openapi import refusals
from shared.http.problems import Problem, not_found

SHOWN_DIFFERENCES = 1000


class DifferenceView(BaseModel):
    """Never what a field held: it may be a code.

    `missing`: its event makes it, and the stream lacked it. `unfounded`: the stream had it without an event.
    `different`: in these `fields`. `places`: `after` stood elsewhere. `last_seq`, `unread`: the numbers.
    """

    what: What
    event_id: UUID | None
    kind: str | None
    fields: list[str]
    before: int | None
    after: int | None

    @classmethod
    def of(cls, found: Difference) -> DifferenceView:
        return cls(
            what=found.what,
            event_id=found.event_id,
            kind=found.kind,
            fields=list(found.fields),
            before=found.before,
            after=found.after,
        )


class RebuildView(BaseModel):
    """The stream as it is now, and what was not as its events make it."""

    epoch: int
    notifications: int
    unread: int
    different: int = Field(description="How many differences there were.")
    differences: list[DifferenceView] = Field(description=f"The first {SHOWN_DIFFERENCES} of them.")

    @classmethod
    def of(cls, comparison: Comparison) -> RebuildView:
        head, found = comparison.head, comparison.differences
        return cls(
            epoch=head.cursor.epoch,
            notifications=head.cursor.seq,
            unread=head.unread,
            different=len(found),
            differences=[DifferenceView.of(each) for each in found[:SHOWN_DIFFERENCES]],
        )


def rebuild(rebuilder: Rebuilder) -> APIRouter:
    router = APIRouter(tags=["streams"])

    @router.post(
        "/v1/streams/{user_id}/rebuild", responses=refusals(forbidden=403, not_found=404, not_replayable=409)
    )
    async def rebuild_stream(
        identity: Caller,
        user_id: Annotated[str, Path(max_length=200)],
        compare: Annotated[bool, Query(description="Only compare; nothing is changed.")] = False,
    ) -> RebuildView:
        """Replays what the user's notifications were made of into a new epoch. Tabs load afresh."""
        require_role(identity, OPERATOR)
        if not identity.may_act_for(user_id):
            raise not_found("stream")
        try:
            if compare:
                return RebuildView.of(await rebuilder.compare(user_id))
            return RebuildView.of(await rebuilder.rebuild(user_id, identity.user_id))
        except UnknownStream:
            raise not_found("stream") from None
        except NotReplayable as refusal:
            raise Problem(409, "not_replayable", str(refusal)) from None

    return router
