"""The demo's sign-in: a token for whoever gives a name, not to be had where that could do harm."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from jwt import PyJWTError

from shared.http.auth import OPERATOR, USER, InvalidToken, Keyring, sign_token
from ws_gateway.domain import is_of_this_machine

KID = "demo-sign-in"
TOKEN_SECONDS = 15 * 60

Environment = Literal["production", "demo"]


class NoDemo(ValueError):
    """The settings switch the sign-in on where it must not be; the message says what to do."""


class SignIn:
    """Signs with a key of its own, which makes users and nobody else."""

    def __init__(self, key: str, environment: Environment, origins: Iterable[str], keyring: Keyring) -> None:
        """Raises NoDemo."""
        self._key = key
        self._origins = frozenset(origins)
        if environment != "demo":
            raise NoDemo(
                "LEDGERBELL_DEMO_SIGN_IN_KEY lets anybody in under any name: take it out, or set "
                "LEDGERBELL_ENVIRONMENT=demo if this is a demo"
            )
        public = sorted(origin for origin in self._origins if not is_of_this_machine(origin))
        if public:
            raise NoDemo(
                "LEDGERBELL_DEMO_SIGN_IN_KEY is for a demo that this machine alone can see: take it out, or "
                f"take {', '.join(public)} out of LEDGERBELL_ALLOWED_ORIGINS"
            )
        if not self._is_taken(keyring, USER) or self._is_taken(keyring, OPERATOR):
            raise NoDemo(
                f"LEDGERBELL_DEMO_SIGN_IN_KEY is no use: list its public key as {KID!r} in "
                "LEDGERBELL_AUTH_KEYS, for EdDSA and the role 'user' alone"
            )

    def is_open_to(self, origin: str) -> bool:
        """No other page may use it, whatever name this machine is reached by."""
        return origin in self._origins

    def token(self, user: str) -> str:
        """For a quarter of an hour."""
        return self._sign(user, USER)

    def _is_taken(self, keyring: Keyring, role: str) -> bool:
        try:
            keyring.verify(self._sign("nobody", role))
        except (InvalidToken, PyJWTError, ValueError, TypeError):
            return False
        return True

    def _sign(self, user: str, role: str) -> str:
        return sign_token(user, [role], kid=KID, algorithm="EdDSA", key=self._key, seconds=TOKEN_SECONDS)
