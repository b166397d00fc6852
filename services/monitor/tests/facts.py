"""Facts as events tell them, at minutes of one day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from monitor.adapters.rules_file import SHIPPED, read_text
from monitor.domain.observation import Kind, Observation
from monitor.domain.reading import read_rules
from monitor.domain.rules import Rule

NOON = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=3)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def fact(
    kind: Kind,
    minutes: float = 0,
    amount_minor: int | None = None,
    *,
    subject: UUID | None = None,
    user_id: str = "ada",
    currency: str = "USD",
) -> Observation:
    money = (None, None) if amount_minor is None else (currency, amount_minor)
    return Observation(user_id, kind, subject or uuid4(), at(minutes), *money)


def spent(minutes: float, amount_minor: int, *, user_id: str = "ada", currency: str = "USD") -> Observation:
    return fact(Kind.SPENT, minutes, amount_minor, user_id=user_id, currency=currency)


def shipped(*, alert: bool = True) -> tuple[Rule, ...]:
    """The rules as they are shipped, but for whether they alert."""
    text = read_text(SHIPPED).replace("alert = false", f"alert = {str(alert).lower()}")
    return read_rules(text, str(SHIPPED))


def one(name: str, *, alert: bool = True) -> Rule:
    return next(rule for rule in shipped(alert=alert) if rule.name == name)
