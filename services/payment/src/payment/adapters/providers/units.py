"""A provider's smallest units and ours: the two lists of currencies disagree, by factors of ten."""

from __future__ import annotations

from payment.domain.provider import Declined
from shared.money import Money, minor_digits


def theirs(money: Money, digits: int) -> int:
    """``money`` as a provider counts it that gives the currency so many digits. Raises Declined."""
    units, rest = _scaled(money.minor, minor_digits(money.currency), digits)
    if rest:
        raise Declined(f"the provider takes {money.currency} with {digits} decimal digits only")
    return units


def ours(units: int, currency: str, digits: int) -> Money:
    """What a provider calls so many units. Raises UnknownCurrency, a ValueError, and ValueError."""
    minor, rest = _scaled(units, digits, minor_digits(currency))
    if rest:
        raise ValueError("the amount is finer than our units")
    return Money(minor, currency)


def _scaled(count: int, digits: int, wanted: int) -> tuple[int, int]:
    numerator: int = 10**wanted
    denominator: int = 10**digits
    return divmod(count * numerator, denominator)
