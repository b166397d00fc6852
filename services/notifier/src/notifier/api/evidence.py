"""The trail over HTTP, for operators only: a timeline to look at, and evidence to hand out."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from notifier.handlers.audit import Audit, Mark
from notifier.handlers.evidence import Evidence
from notifier.handlers.timeline import read_timeline
from shared.db import Database
from shared.http.auth import OPERATOR, Caller, require_role
from shared.http.openapi import refusals
from shared.http.pages import link_next
from shared.trail import MEDIA_TYPE, FaultKind, Signed, What, fingerprint, public_text
from shared.trail.keys import PublicKey

if TYPE_CHECKING:
    from asyncpg import Record


def _without_nul(text: str) -> str:
    if "\0" in text:  # Which no text in the database has.
        raise ValueError("there is a NUL in it")
    return text


Text = Annotated[str, AfterValidator(_without_nul)]
UserId = Annotated[Text, Field(min_length=1, max_length=200)]


class TrailEntryView(BaseModel):
    """`place` is where it stands in its user's chain; null until it is sealed."""

    user_id: str
    what: What
    at: datetime
    event_id: UUID | None
    transfer_id: UUID | None
    epoch: int | None
    seq: int | None
    up_to: int | None
    place: int | None
    detail: dict[str, str | int | bool]

    @classmethod
    def of(cls, row: Record) -> Self:
        return cls(**{name: row[name] for name in cls.model_fields})


class TrailView(BaseModel):
    items: list[TrailEntryView]
    next: str | None = Field(description="Cursor of the next page (older), for `before`.")


class TrailKeyView(BaseModel):
    """With which checkpoints and evidence are signed now."""

    fingerprint: str
    public_key: str = Field(description="Ed25519, 32 bytes in base64.")


class CheckpointView(BaseModel):
    number: int
    at: str
    previous: str = Field(description="The digest of the checkpoint before.")
    leaves: int = Field(description="How many chains had grown.")
    root: str


class SignedView(BaseModel):
    """As a bundle's cover has it: hashes, signature and the fingerprint of the key in hex."""

    checkpoint: CheckpointView
    signature: str
    key: str

    @classmethod
    def of(cls, signed: Signed) -> Self:
        return cls.model_validate(signed.members())


class FaultView(BaseModel):
    """`row` names the one that is altered or missing."""

    kind: FaultKind
    row: str
    message: str


class AuditView(BaseModel):
    """A part of the trail that was looked at: the first fault of each kind, and the checkpoints."""

    faults: list[FaultView]
    checkpoints: list[SignedView]
    seals: int = Field(description="How many were looked at, each with its entry.")
    next: str | None = Field(description="Cursor of the next part, for `after`.")


class TrailQuery(BaseModel):
    """One of `user`, `transfer` and `reference`."""

    model_config = ConfigDict(extra="forbid")

    user: UserId | None = None
    transfer: UUID | None = None
    reference: Annotated[Text, Field(min_length=1, max_length=500)] | None = None
    before: str | None = Field(default=None, max_length=64, description="`next` of the page before.")
    limit: int = Field(default=50, ge=1, le=100)

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        if sum(each is not None for each in (self.user, self.transfer, self.reference)) != 1:
            raise ValueError("give one of user, transfer and reference")
        return self


class EvidenceQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user: UserId
    transfer: UUID


async def _operator(caller: Caller) -> None:
    require_role(caller, OPERATOR)


def evidence(db: Database, bundles: Evidence, audit: Audit, key: PublicKey) -> APIRouter:
    router = APIRouter(
        prefix="/v1", tags=["trail"], dependencies=[Depends(_operator)], responses=refusals(forbidden=403)
    )

    @router.get("/trail")
    async def read_trail(
        query: Annotated[TrailQuery, Query()], request: Request, response: Response
    ) -> TrailView:
        """What happened, newest first."""
        async with db.autocommit() as tx:
            page = await read_timeline(
                tx,
                user_id=query.user,
                transfer_id=query.transfer,
                reference=query.reference,
                before=query.before,
                limit=query.limit,
            )
        link_next(request, response, page.next, query.limit)
        return TrailView(items=[TrailEntryView.of(row) for row in page.items], next=page.next)

    @router.get("/trail/key")
    async def read_trail_key() -> TrailKeyView:
        return TrailKeyView(fingerprint=fingerprint(key), public_key=public_text(key))

    @router.get("/trail/audit", responses=refusals(invalid_cursor=422))
    async def audit_trail(
        after: Annotated[str | None, Query(max_length=64, description="`next` of the part before.")] = None,
    ) -> AuditView:
        """Looks for rows that are altered or missing, for two seconds: `ledgerbell audit check` goes on."""
        page = await audit.page(Mark() if after is None else Mark.parse(after))
        return AuditView(
            faults=[FaultView.model_validate(fault, from_attributes=True) for fault in page.faults.values()],
            checkpoints=[SignedView.of(signed) for signed in page.signed],
            seals=page.seals,
            next=None if page.done else str(page.mark),
        )

    @router.get(
        "/evidence",
        response_class=StreamingResponse,
        responses={
            200: {"description": "A bundle, line by line.", "content": {MEDIA_TYPE: {}}},
            **refusals(not_found=404),
        },
    )
    async def export_evidence(query: Annotated[EvidenceQuery, Query()]) -> StreamingResponse:
        """What the trail says of one transfer, to be checked without us: `ledgerbell audit verify`."""
        return StreamingResponse(await bundles.lines(query.user, query.transfer), media_type=MEDIA_TYPE)

    return router
