"""Why something asked for is not done."""

from __future__ import annotations


class KeyReused(Exception):
    """The same key came with another body before."""


class TooManyActive(Exception):
    """The user has as many verifications under way as one may have."""

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} verifications are under way")
        self.most = most


class UnknownVerification(Exception):
    """There is none, or it is somebody else's."""


class StateConflict(Exception):
    """The state does not allow it."""

    def __init__(self, state: str) -> None:
        super().__init__(f"the verification is {state}")
        self.state = state
