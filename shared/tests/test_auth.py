"""Tokens that must not pass, one by one (reliability.md, statement 3)."""

import base64
import json
import time
from collections.abc import Mapping

import jwt
import pytest

from shared.http.auth import AUDIENCE, ISSUER, TOKEN_TYPE, InvalidToken, Keyring, WeakKey
from shared.testing.identities import Issuer, KeyPair, auth_keys

SECRET = "s" * 32


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(KeyPair.generate())


@pytest.fixture
def keyring(issuer: Issuer) -> Keyring:
    hs256 = {"kid": "hs", "alg": "HS256", "key": SECRET, "roles": ["user"]}
    return Keyring.from_json(auth_keys(issuer.key(), hs256))


def forged(issuer: Issuer, **changes: object) -> str:
    """A token that is right but for ``changes``: claims by name, ``kid``, ``typ``, ``alg`` and ``key``."""
    claims: dict[str, object] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada"}
    claims |= {"iat": time.time(), "exp": time.time() + 60}
    key = str(changes.pop("key", issuer.pair.private))
    algorithm = str(changes.pop("alg", "EdDSA"))
    headers = {name: changes.pop(name) for name in ("kid", "typ", "crit") if name in changes}
    claims |= changes
    return jwt.encode(
        {name: value for name, value in claims.items() if value is not None},
        key,
        algorithm=algorithm,
        headers={"kid": "users", "typ": TOKEN_TYPE} | headers,
    )


def test_a_good_token_names_its_owner(keyring: Keyring, issuer: Issuer) -> None:
    identity = keyring.verify(issuer.token("ada", ["user", "operator"]))

    assert identity.user_id == "ada"
    assert identity.roles == {"user", "operator"}


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody"},
        {"aud": "another"},
        {"iss": None},
        {"sub": None},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"typ": "JWT"},
        {"kid": "unknown"},
        {"crit": ["unheard-of"]},
        {"kid": "hs"},
        {"roles": ["service"]},
        {"sub": ""},
    ],
    ids=str,
)
def test_a_token_with_one_thing_wrong_is_refused(
    keyring: Keyring, issuer: Issuer, changes: dict[str, object]
) -> None:
    with pytest.raises(InvalidToken):
        keyring.verify(forged(issuer, **changes))


def test_a_public_key_cannot_be_used_as_a_secret(keyring: Keyring, issuer: Issuer) -> None:
    header = {"alg": "HS256", "kid": "users", "typ": TOKEN_TYPE}
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": 0, "exp": time.time() + 60}
    signing = ".".join(_part(part) for part in (header, claims))
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        signing.encode(), issuer.pair.public.encode()
    )

    with pytest.raises(InvalidToken):
        keyring.verify(f"{signing}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}")


def test_an_unsigned_token_is_refused(keyring: Keyring) -> None:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": 0, "exp": time.time() + 60}
    header = {"alg": "none", "kid": "users", "typ": TOKEN_TYPE}

    with pytest.raises(InvalidToken):
        keyring.verify(f"{_part(header)}.{_part(claims)}.")


def test_a_token_that_was_verified_before_still_ends(issuer: Issuer) -> None:
    now = [time.time()]
    keyring = Keyring.from_json(auth_keys(issuer.key()), clock=lambda: now[0])
    token = issuer.token("ada", seconds=60)
    assert keyring.verify(token).user_id == "ada"

    now[0] += 61

    with pytest.raises(InvalidToken):
        keyring.verify(token)


@pytest.mark.parametrize(
    "key",
    [
        {"kid": "k", "alg": "HS256", "key": "short", "roles": ["user"]},
        {"kid": "k", "alg": "none", "key": SECRET, "roles": ["user"]},
        {"kid": "k", "alg": "HS512", "key": SECRET, "roles": ["user"]},
        {"kid": "k", "alg": "EdDSA", "key": SECRET, "roles": ["user"]},
    ],
    ids=lambda key: f"{key['alg']} {key['key'][:5]}",
)
def test_a_weak_key_stops_the_start(key: dict[str, object]) -> None:
    with pytest.raises(WeakKey):
        Keyring.from_json(auth_keys(key))


@pytest.mark.parametrize("text", ["", "[]", "{}", '[{"kid": "k"}]'])
def test_keys_that_cannot_be_read_stop_the_start(text: str) -> None:
    with pytest.raises(WeakKey):
        Keyring.from_json(text)


def _part(content: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "entry", ['{"kid": "a", "alg": "HS256", "key": ["KEY"], "roles": []}', '{"key": "KEY"']
)
def test_keys_that_cannot_be_read_are_not_quoted(entry: str) -> None:
    secret = "planted-" + "x" * 40

    with pytest.raises(WeakKey) as refusal:
        Keyring.from_json(f"[{entry.replace('KEY', secret)}]")

    assert secret[-10:] not in str(refusal.value)
    assert "AUTH_KEYS" in str(refusal.value)
