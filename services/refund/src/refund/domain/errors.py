"""Why there is no refund, or no answer; what each means over HTTP is said at the edge."""

from __future__ import annotations

from refund.domain.refund import Refund


class UnknownRefundable(Exception):
    """There is no such payment or verification, or it is somebody else's."""


class UnknownRefund(Exception):
    """There is no such refund, or it is somebody else's."""


class VerificationOpen(Exception):
    """The verification is not over: its code may still come. Only an operator refunds it nevertheless."""


class OperatorsOnly(Exception):
    """Crediting a payment back is an operator's decision."""


class KeyReused(Exception):
    """The idempotency key came with another request before."""


class StateConflict(Exception):
    """The refund's state does not allow it."""

    def __init__(self, refund: Refund) -> None:
        super().__init__(refund.shown_state)
        self.refund = refund


class CreditBusy(Exception):
    """Credit gave no answer that decides; the same request may be sent again."""
