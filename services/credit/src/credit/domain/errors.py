"""Why the ledger has no answer to a request. (A rejection for the money's sake is an answer.)"""

from __future__ import annotations


class KeyReused(Exception):
    """The idempotency key came with another request before."""


class KeyInFlight(Exception):
    """The same request is being handled at this moment."""


class ClaimedMeanwhile(Exception):
    """The transfer or hold was booked at this very moment by another transaction; asking again finds it."""


class UnknownAccount(Exception):
    """The user has no account in this currency."""
