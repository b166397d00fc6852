"""Money is an integer count of minor units with an ISO 4217 currency, and never a float."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from babel.core import Locale
from babel.numbers import get_currency_precision, list_currencies

MAX_MINOR = 10**15  # Far above any balance, and far below what a bigint sum of entries can hold.
AMOUNT = r"^(0|[1-9][0-9]{0,15})(\.[0-9]{1,4})?$"
_AMOUNT = re.compile(AMOUNT)


class InvalidAmount(ValueError):
    """The text is not an amount of this currency."""


class UnknownCurrency(ValueError):
    """The code is not a currency of ISO 4217."""


@lru_cache(maxsize=512)
def minor_digits(currency: str) -> int:
    """How many decimal digits ``currency`` has (USD 2, JPY 0, KWD 3).

    Raises:
        UnknownCurrency: the code is not known. Source: CLDR, by way of Babel.
    """
    if currency not in _currencies():
        raise UnknownCurrency(f"{currency!r} is not an ISO 4217 currency code")
    return get_currency_precision(currency)


@lru_cache(maxsize=1)
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (cents) of one currency."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, amount: str, currency: str) -> Money:
        """Read a decimal string such as ``"12.50"``.

        Raises:
            InvalidAmount: not a plain non-negative decimal, too many digits for the currency, or too large.
            UnknownCurrency: the currency is not known.
        """
        digits = minor_digits(currency)
        if not _AMOUNT.fullmatch(amount):
            raise InvalidAmount('an amount is a decimal string such as "12.50"')
        fraction = amount.partition(".")[2]
        if len(fraction) > digits:
            raise InvalidAmount(f"{currency} has {digits} decimal digits")
        minor = int(Decimal(amount).scaleb(digits))
        if minor > MAX_MINOR:
            raise InvalidAmount("the amount is too large")
        return cls(minor, currency)

    @property
    def decimal(self) -> Decimal:
        return Decimal(self.minor).scaleb(-minor_digits(self.currency))

    @property
    def amount(self) -> str:
        """The decimal string that goes over the wire, such as ``"12.50"``."""
        digits = minor_digits(self.currency)
        whole, fraction = divmod(abs(self.minor), 10**digits)
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{whole}.{fraction:0{digits}}" if digits else f"{sign}{whole}"

    def display(self, locale: str = "en_US") -> str:
        """How a person of this locale writes it, such as ``"$12.50"``."""
        return _display(self.minor, self.currency, locale)


@lru_cache(maxsize=8192)
def _display(minor: int, currency: str, locale: str) -> str:
    return _pattern(locale)(Money(minor, currency).decimal, currency)


@lru_cache(maxsize=64)
def _pattern(locale: str) -> Callable[[Decimal, str], str]:
    parsed = Locale.parse(locale)
    standard = parsed.currency_formats["standard"]
    return lambda value, currency: str(standard.apply(value, parsed, currency=currency))
