"""How much of what the ledger has booked was shown to its users, over HTTP: for operators only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from notifier.adapters import coverage
from shared.db import Database
from shared.http.auth import OPERATOR, Caller, require_role
from shared.http.openapi import refusals
from shared.money import Money

if TYPE_CHECKING:
    from asyncpg import Record

    from notifier.adapters.coverage import Figures

OPEN_AT_MOST = 100
STALE = timedelta(minutes=5)


class HoleView(BaseModel):
    """A transfer that no notification shows. `asks`: how often its event was asked for again."""

    transfer_id: UUID
    event_id: UUID
    user_id: str
    kind: str
    amount: str = Field(description="Signed: positive is money in.")
    currency: str
    created_at: datetime
    found_at: datetime
    asks: int

    @classmethod
    def of(cls, row: Record) -> Self:
        fields = dict(row) | {"amount": Money(row["amount_minor"], row["currency"]).amount}
        return cls.model_validate(fields)


class KindView(BaseModel):
    """`kind`: deduction, or an addition's source."""

    kind: str
    stated: int
    holes: int


class CoverageView(BaseModel):
    """`complete`: every transfer is shown, no statement is missing, and the last is not five minutes old."""

    complete: bool
    percent: float = Field(description="Rounded down.")
    stated: int = Field(description="Transfers that the ledger has stated.")
    holes: int
    kinds: list[KindView]
    oldest: HoleView | None
    open: list[HoleView] = Field(description="The oldest first, 100 at most.")
    statements_missing: int
    stated_until: datetime | None = Field(description="What was booked until then has been stated.")

    @classmethod
    def of(cls, figures: Figures, rows: list[Record]) -> Self:
        until = figures.stated_until
        current = until is not None and until > datetime.now(UTC) - STALE
        holes = [HoleView.of(row) for row in rows]
        return cls(
            complete=current and not holes and not figures.statements_missing,
            percent=figures.percent,
            stated=figures.stated,
            holes=figures.holes,
            kinds=[KindView(kind=each.kind, stated=each.stated, holes=each.holes) for each in figures.kinds],
            oldest=holes[0] if holes else None,
            open=holes,
            statements_missing=figures.statements_missing,
            stated_until=until,
        )


def coverage_routes(db: Database) -> APIRouter:
    router = APIRouter(tags=["coverage"], responses=refusals(forbidden=403))

    @router.get("/v1/coverage")
    async def get_coverage(caller: Caller) -> CoverageView:
        """Of the money that has moved, how much was shown to whom it belongs; and what was not."""
        require_role(caller, OPERATOR)
        async with db.transaction() as tx:
            await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            return CoverageView.of(await coverage.figures(tx), await coverage.holes(tx, OPEN_AT_MOST))

    return router
