"""Keys and tokens of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from shared.http.auth import OPERATOR, USER, sign_token


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An EdDSA pair as PEM texts."""

    private: str
    public: str

    @classmethod
    def generate(cls) -> KeyPair:
        key = Ed25519PrivateKey.generate()
        return cls(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        )


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
        return {"kid": self.kid, "alg": "EdDSA", "key": self.pair.public, "roles": [USER, OPERATOR]}


def auth_keys(*keys: Mapping[str, object]) -> str:
    return json.dumps(keys)
