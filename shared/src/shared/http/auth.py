"""Who is calling comes from their token and nothing else; each key verifies exactly one algorithm."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import jwt
from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from shared.http.problems import Problem

ISSUER = "ledgerbell"
AUDIENCE = "ledgerbell"
TOKEN_TYPE = "at+jwt"  # noqa: S105  # RFC 9068: keeps other JWTs of the same key from passing as ours.
MIN_SECRET_BYTES = 32
ALGORITHMS = frozenset({"EdDSA", "ES256", "RS256", "HS256"})
USER, OPERATOR, SERVICE = "user", "operator", "service"
_CACHED_TOKENS = 10_000


class WeakKey(ValueError):
    """A key that must not be used; the service does not start with it."""


class InvalidToken(Exception):
    """The token is not one of ours, or no longer."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller: their user id, what they may do, and when their token ends (epoch seconds)."""

    user_id: str
    roles: frozenset[str]
    expires_at: int

    @property
    def acts_for_all(self) -> bool:
        """Operators and services act for every user."""
        return bool(self.roles & {OPERATOR, SERVICE})

    def may_act_for(self, user_id: str) -> bool:
        """Never for what is no user's id."""
        return _is_user_id(user_id) and (self.user_id == user_id or self.acts_for_all)


def _is_user_id(text: str) -> bool:
    return 0 < len(text) <= 200 and text.isprintable()


class _Key(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    kid: str
    alg: str
    key: str
    roles: frozenset[str]


class Keyring:
    """The keys tokens are verified with. A key confers only the roles it is listed with."""

    def __init__(self, keys: Iterable[_Key], clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._keys: dict[str, _Key] = {}
        self._prepared: dict[str, Any] = {}
        for key in keys:
            if key.alg not in ALGORITHMS:
                raise WeakKey(f"key {key.kid!r}: algorithm {key.alg!r} is not one of {sorted(ALGORITHMS)}")
            if key.alg == "HS256" and len(key.key.encode()) < MIN_SECRET_BYTES:
                raise WeakKey(f"key {key.kid!r}: an HS256 secret has at least {MIN_SECRET_BYTES} bytes")
            try:  # Once, and not for each token: it costs a twentieth of a tab's connect.
                self._prepared[key.kid] = jwt.get_algorithm_by_name(key.alg).prepare_key(key.key)
            except (jwt.PyJWTError, ValueError, TypeError):
                raise WeakKey(f"key {key.kid!r}: it is no key of {key.alg}") from None
            self._keys[key.kid] = key
        if not self._keys:
            raise WeakKey("no key is configured")
        self._verified: OrderedDict[str, Identity] = OrderedDict()

    @classmethod
    def from_json(cls, text: str, clock: Callable[[], float] = time.time) -> Keyring:
        """Read ``LEDGERBELL_AUTH_KEYS``: ``[{"kid", "alg", "key", "roles"}]``. Raises WeakKey."""
        try:
            return cls(TypeAdapter(list[_Key]).validate_json(text), clock)
        except ValidationError as error:
            # Never the error itself: it quotes what it could not read, which is a key.
            faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors())
            raise WeakKey(f"LEDGERBELL_AUTH_KEYS cannot be read: {faults}") from None

    def verify(self, token: str) -> Identity:
        """The token's owner. Raises InvalidToken."""
        known = self._verified.get(token)
        if known is not None:
            if known.expires_at <= self._clock():
                raise InvalidToken("the token has expired")
            return known
        identity = self._verify(token)
        self._verified[token] = identity  # Verifying an EdDSA signature costs as much as a small query.
        if len(self._verified) > _CACHED_TOKENS:
            self._verified.popitem(last=False)
        return identity

    def _verify(self, token: str) -> Identity:
        try:
            # Only the header is read, for it names the key: what follows it is read once, with that key.
            header = jwt.get_unverified_header(token.partition(".")[0] + "..")
            key = self._keys[header["kid"]]
            if header.get("typ") != TOKEN_TYPE:
                raise InvalidToken("the token is of another type")
            claims = jwt.decode(
                token,
                self._prepared[key.kid],
                algorithms=[key.alg],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={"require": ["exp", "iat", "sub", "iss", "aud"]},
            )
            roles = frozenset(claims.get("roles") or [USER])
            subject = str(claims["sub"])
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise InvalidToken(type(error).__name__) from None
        if not roles <= key.roles:
            raise InvalidToken("the key may not confer these roles")
        if not _is_user_id(subject):
            raise InvalidToken("the subject is not a user id")
        return Identity(subject, roles, int(claims["exp"]))


def sign_token(
    user_id: str, roles: Iterable[str], *, kid: str, algorithm: str, key: str, seconds: int = 3600
) -> str:
    """Issue a token. Services sign their own this way; users' tokens come from the identity provider."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user_id,
        "roles": sorted(roles),
        "iat": now,
        "exp": now + seconds,
    }
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid, "typ": TOKEN_TYPE})


class ServiceToken:
    """A service's own token, signed with its own key and renewed before it ends."""

    def __init__(self, service: str, key: str, *, seconds: int = 600) -> None:
        self._service = service
        self._key = key
        self._seconds = seconds
        self._token = ""
        self._renew_at = 0.0

    def __call__(self) -> str:
        if time.time() >= self._renew_at:
            self._token = sign_token(
                self._service,
                [SERVICE],
                kid=self._service,
                algorithm="EdDSA",
                key=self._key,
                seconds=self._seconds,
            )
            self._renew_at = time.time() + self._seconds / 2
        return self._token


def unauthorized() -> Problem:
    return Problem(
        401,
        "invalid_token",
        "Send a valid token as `Authorization: Bearer`.",
        headers={"WWW-Authenticate": "Bearer"},
    )


class _Bearer(SecurityBase):
    """The request's identity. Being a security scheme, it is in the document of every route that asks for it.

    The app's keyring is ``app.state.keyring``.
    """

    scheme_name = "bearer"
    model = HTTPBearer(bearerFormat="JWT", description="RFC 9068. Whose it is, is whose money it is about.")

    async def __call__(self, request: Request) -> Identity:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthorized()
        keyring: Keyring = request.app.state.keyring
        try:
            return keyring.verify(token)
        except InvalidToken:
            raise unauthorized() from None


Caller = Annotated[Identity, Depends(_Bearer())]


def require_role(identity: Identity, *roles: str) -> None:
    """Raises Problem 403 unless the caller has one of the roles."""
    if not identity.roles & set(roles):
        raise Problem(403, "forbidden", f"This needs the role {' or '.join(roles)}.")
