"""What the use cases work with, and the one place where a verification changes its state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import Counter

from shared.db import Database
from shared.events import Event
from shared.events.verification import (
    VerificationCancelled,
    VerificationCodeReceived,
    VerificationFailed,
    VerificationInitiated,
    VerificationLateSms,
    VerificationNumberAssigned,
    VerificationTimedOut,
)
from shared.http.credit import Credit
from shared.observability.logs import get_logger
from shared.outbox import Outbox, OutboxTransaction
from shared.providers.configured import Providers
from verification.adapters import verifications
from verification.adapters.providers import Provider
from verification.domain.machine import Happening, State, transition
from verification.domain.pace import Pace

if TYPE_CHECKING:
    from asyncpg import Record

log = get_logger(__name__)

ENTERED = Counter("verification_states_total", "Verifications by the states they have entered.", ["state"])


@dataclass(frozen=True, slots=True)
class Trade:
    """Built once a process; ``nudge`` says that a verification may be due."""

    db: Database
    outbox: Outbox
    credit: Credit
    providers: Providers[Provider]
    pace: Pace
    nudge: Callable[[], None]

    def provider(self, row: Record) -> Provider:
        """Raises ProviderAway where it is no longer configured."""
        return self.providers[row["provider"]]

    def cancellable_in(self, row: Record) -> float:
        """Seconds until the provider takes the number back; whom we cannot ask sets no time."""
        known = self.providers.get(row["provider"])
        age: float = row["bought_age"]
        return 0 if known is None else known.minimum_cancel_age_seconds - age

    async def apply(
        self, tx: OutboxTransaction, row: Record, happening: Happening, **changes: object
    ) -> Record | None:
        """What becomes of a row that ``tx`` has locked; None, and nothing, where the table lists nothing."""
        change = transition(State(row["state"]), happening)
        if change is None:
            return None
        due, attempts = self._due(row, change.state)
        changed = await verifications.update(
            tx, row["id"], state=change.state, due_in_seconds=due, attempts=attempts, **changes
        )
        if change.publishes is not None:
            await tx.publish(changed["user_id"], _event(change.publishes, changed))
        ENTERED.labels(change.state).inc()
        if change.state is State.REQUIRES_REVIEW:
            log.critical("verification.requires_review", id=str(row["id"]), was=row["state"])
        else:
            log.info("verification.changed", id=str(row["id"]), happened=happening, state=change.state)
        return changed

    def _due(self, row: Record, state: State) -> tuple[float | None, int]:
        """When the new state is looked at, in seconds from now, and how many of its steps that takes."""
        match state:
            case State.REQUESTED | State.EXPIRING | State.CANCELLING | State.COMPLETED:
                return 0, 0
            case State.UNKNOWN:
                return self.pace.step(0) or 0, 1
            case State.AWAITING_SMS:
                return (0 if row["cancel_requested_at"] else self.pace.next_poll()), 0
            case State.REQUIRES_REVIEW:
                return self.pace.review, row["attempts"]
            case _:
                return None, 0


def _event(kind: type[Event], row: Record) -> Event:
    about = {"verification_id": row["id"], "service": row["service_name"]}
    if kind in (VerificationInitiated, VerificationLateSms):
        return kind(**about)
    if kind is VerificationCodeReceived:
        return VerificationCodeReceived(code=row["sms_code"], **about)
    if kind is VerificationFailed:
        return VerificationFailed(reason=row["reason"], **about)
    charged = {
        "currency": row["currency"],
        "amount_minor": row["price_minor"],
        "transfer_id": row["transfer_id"],
    }
    if kind is VerificationNumberAssigned:
        return VerificationNumberAssigned(phone_number=row["phone_number"], **charged, **about)
    assert kind in (VerificationTimedOut, VerificationCancelled)
    return kind(**charged, **about)
