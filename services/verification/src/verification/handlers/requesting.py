"""A request: the intent is committed, its price set aside at credit, and only then does it begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from shared.http.credit import CreditAway, CreditRefused
from shared.money import Money
from shared.observability.logs import get_logger
from shared.observability.trace import current_trace
from shared.outbox import OutboxTransaction
from shared.references import reference_of
from verification.adapters import verifications
from verification.domain.errors import KeyReused, TooManyActive
from verification.domain.machine import Happening, State
from verification.domain.services import Service
from verification.handlers.pacing import later
from verification.handlers.trade import Trade

if TYPE_CHECKING:
    from asyncpg import Record

log = get_logger(__name__)

HOLD_SECONDS = 30 * 24 * 3600  # Longer than the janitor's steps take; credit allows no more.
ABANDONED = "abandoned"
ABANDONED_ANSWER = {
    "status": 409,
    "code": ABANDONED,
    "detail": "This request was not finished in time and nothing was charged; send a new Idempotency-Key.",
}


@dataclass(frozen=True, slots=True)
class Request:
    """``id`` comes from the idempotency key: a repetition is the same request."""

    id: UUID
    fingerprint: str
    user_id: str
    service: Service
    provider: str
    country: str


class Requesting:
    def __init__(self, trade: Trade, max_active: int) -> None:
        self._trade = trade
        self._max_active = max_active

    async def request(self, request: Request) -> Record:
        """The verification as it is now, begun or rejected, however often it is asked for.

        Raises KeyReused, TooManyActive, and CreditAway where it may have to be asked for again.
        """
        async with self._trade.outbox.transaction() as tx:
            row = await self._open(tx, request)
        if row["state"] != State.HOLDING:
            return row
        if row["reason"] is not None:
            raise CreditAway("the request is just being given up")
        try:
            hold_id = await place_hold(self._trade, row)
        except CreditRefused as refused:
            return await self._reject(row, refused)
        async with self._trade.outbox.transaction() as tx:
            row = await verifications.lock(tx, request.id)
            if row["state"] == State.HOLDING and row["reason"] is not None:
                raise CreditAway("the request is just being given up")
            begun = await self._trade.apply(tx, row, Happening.HOLD_PLACED, hold_id=hold_id)
        self._trade.nudge()
        return begun or row

    async def _open(self, tx: OutboxTransaction, request: Request) -> Record:
        await verifications.lock_user(tx, request.user_id)
        known = await verifications.get(tx, request.id)
        if known is not None:
            if known["fingerprint"] != request.fingerprint:
                raise KeyReused
            if known["state"] == State.HOLDING and known["reason"] is None:
                return await verifications.update(
                    tx, known["id"], due_in_seconds=self._trade.pace.abandon_after
                )
            return known
        if await verifications.count_active(tx, request.user_id) >= self._max_active:
            raise TooManyActive(self._max_active)
        return await verifications.insert_intent(tx, self._trade.pace.abandon_after, **_values(request))

    async def _reject(self, row: Record, refused: CreditRefused) -> Record:
        rejection = {"status": refused.status, "code": refused.code, "detail": refused.detail}
        async with self._trade.outbox.transaction() as tx:
            now = await verifications.lock(tx, row["id"])
            rejected = await self._trade.apply(
                tx, now, Happening.HOLD_REFUSED, reason=refused.code, rejection=rejection
            )
        return rejected or now


async def place_hold(trade: Trade, row: Record) -> UUID:
    """The hold of this verification, placed once. Raises CreditAway and CreditRefused."""
    return await trade.credit.place_hold(
        row["user_id"],
        Money(row["price_minor"], row["currency"]),
        key=str(row["id"]),
        reason=f"{row['service_name']} verification",
        expires_in_seconds=HOLD_SECONDS,
        service=row["service_name"],
        reference=row["reference"],
        link=f"/verifications/{row['id']}",
    )


async def abandon(trade: Trade, row: Record) -> None:
    """Nobody came back for an intent: whatever was set aside for it is given back."""
    async with trade.outbox.transaction() as tx:
        now = await verifications.lock(tx, row["id"])
        if now["state"] != State.HOLDING:
            return
        # From here on a late repetition cannot begin it any more.
        await verifications.update(tx, row["id"], reason=ABANDONED)
    try:
        await _set_free(trade, row)
    except CreditAway as away:
        log.warning("credit.away", id=str(row["id"]), error=str(away))
        await later(trade, row, trade.pace.credit_retry)
    except CreditRefused as refused:
        log.critical("credit.refuses", id=str(row["id"]), status=refused.status, problem=refused.code)
        await later(trade, row, trade.pace.abandon_after)
    else:
        async with trade.outbox.transaction() as tx:
            now = await verifications.lock(tx, row["id"])
            await trade.apply(tx, now, Happening.HOLD_REFUSED, rejection=ABANDONED_ANSWER)


async def _set_free(trade: Trade, row: Record) -> None:
    """Raises CreditAway and CreditRefused where something may still be held."""
    try:
        hold_id = await place_hold(trade, row)
    except CreditRefused:
        return  # It could not be placed: nothing is held.
    if await trade.credit.end_hold(hold_id) is not None:
        log.critical("verification.charged_in_vain", id=str(row["id"]))


def _values(request: Request) -> dict[str, object]:
    trace = current_trace()
    return {
        "id": request.id,
        "user_id": request.user_id,
        "service": request.service.key,
        "service_name": request.service.name,
        "country": request.country,
        "currency": request.service.price.currency,
        "price_minor": request.service.price.minor,
        "reference": reference_of("VER", request.id),
        "provider": request.provider,
        "product": request.service.products[request.provider],
        "fingerprint": request.fingerprint,
        "correlation_id": trace and trace.correlation_id,
    }
