"""How long to wait before looking again: what the clock decides, apart from what providers say."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from payment.domain.machine import RefundState, State

CREDIT_PATIENCE_SECONDS = 60.0
# A webhook tells sooner; this is for when it was lost. A debit from a bank account may take two weeks.
PROCESSING_PATIENCE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Policy:
    """Settings of the service's conduct, in seconds and in decimal amounts of any currency."""

    janitor_steps_seconds: tuple[float, ...]
    checkout_seconds: float
    call_seconds: float  # No provider call lasts longer.
    min_amount: Decimal
    max_amount: Decimal
    max_open: int
    credit_patience_seconds: float = CREDIT_PATIENCE_SECONDS
    processing_patience_seconds: float = PROCESSING_PATIENCE_SECONDS

    def step(self, attempts: int) -> float | None:
        """Until the look after so many; None: that was the last one."""
        steps = self.janitor_steps_seconds
        return steps[attempts] if attempts < len(steps) else None

    @property
    def first_look_seconds(self) -> float:
        """At an intent, whose provider call has ended by then, unless the process stood still in between.

        Not at the first of the steps: whoever wants to pay is waiting.
        """
        return 4 * self.call_seconds

    def due_after(self, state: State) -> float | None:
        """When a payment that has just come into ``state`` is looked at; a pending one at its deadline."""
        match state:
            case State.UNKNOWN | State.FAILED | State.EXPIRED:
                return self.janitor_steps_seconds[0]
            case State.SUCCEEDED:
                return self.credit_patience_seconds
            case State.CANCELLED:
                return 0.0  # Close the checkout at the provider too.
            case _:
                return None

    def next_look(self, state: State, attempts: int) -> float | None:
        """Until the look at a payment in ``state`` after so many; None: that was the last one."""
        waited = state in (State.UNKNOWN, State.FAILED, State.EXPIRED)  # For the first step, already.
        return self.step(attempts + 1 if waited else attempts)

    @property
    def errand_seconds(self) -> float:
        """No errand at a provider lasts longer: a few calls, and less than its lease."""
        return 3 * self.call_seconds

    def refund_step(self, attempts: int) -> float | None:
        """As ``step``, but never while an errand that has asked for the refund may still be under way."""
        step = self.step(attempts)
        return None if step is None else max(step, self.errand_seconds)

    def refund_due_after(self, state: RefundState) -> float | None:
        match state:
            case RefundState.REQUESTED:
                return 0.0
            case RefundState.UNKNOWN | RefundState.PENDING:
                return self.refund_step(0)
            case _:
                return None


def webhook_retry_seconds(attempts: int) -> float:
    """Doubling from one second to an hour. It is never given up: it may be the only news of a payment."""
    return float(min(3600, 2 ** min(attempts, 12)))
