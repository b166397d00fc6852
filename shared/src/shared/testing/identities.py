"""Keys and tokens of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from shared.http.auth import OPERATOR, USER, sign_token


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An EdDSA pair as PEM texts."""

    private: str
    public: str

    @classmethod
    def generate(cls) -> KeyPair:
        key = Ed25519PrivateKey.generate()
        return cls.of(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())

    @classmethod
    def of(cls, private: str) -> KeyPair:
        """The pair of a private key that is kept somewhere."""
        public = load_pem_private_key(private.encode(), password=None).public_key()
        return cls(private, public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())

    def verifier(self, kid: str, roles: Sequence[str]) -> dict[str, object]:
        """The entry of ``LEDGERBELL_AUTH_KEYS`` with which this pair's tokens are verified."""
        return {"kid": kid, "alg": "EdDSA", "key": self.public, "roles": list(roles)}


@dataclass(frozen=True, slots=True)
class Issuer:
    """Stands in for the identity provider: it signs users' and operators' tokens."""

    pair: KeyPair
    kid: str = "users"

    def token(self, user_id: str, roles: Sequence[str] = (USER,), seconds: int = 3600) -> str:
        return sign_token(
            user_id, roles, kid=self.kid, algorithm="EdDSA", key=self.pair.private, seconds=seconds
        )

    def key(self) -> dict[str, object]:
        """This issuer's entry of ``LEDGERBELL_AUTH_KEYS``."""
        return self.pair.verifier(self.kid, [USER, OPERATOR])


def auth_keys(*keys: Mapping[str, object]) -> str:
    return json.dumps(keys)
