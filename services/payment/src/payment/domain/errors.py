"""Why a request has no payment as its answer."""

from __future__ import annotations

from decimal import Decimal


class KeyReused(Exception):
    """The idempotency key came with another request before."""


class TooManyOpen(Exception):
    """The user has as many unpaid checkouts as are allowed at a time."""


class AmountOutOfRange(Exception):
    """The amount is smaller or larger than a payment may be."""

    def __init__(self, least: Decimal, most: Decimal) -> None:
        super().__init__(f"A payment is at least {least} and at most {most}.")
        self.least = least
        self.most = most


class NoAccount(Exception):
    """What would be paid could not be credited: the user has no account in this currency."""

    def __init__(self, currency: str) -> None:
        super().__init__(f"Open an account in {currency} first, for the credits to go to.")


class StateConflict(Exception):
    """The payment is beyond what was asked for."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class UnknownPayment(Exception):
    """A refund names a payment that was never made here."""
