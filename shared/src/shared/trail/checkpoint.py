"""A signed statement: these were the heads of these chains at this moment."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.trail.canonical import Json, canonical

_TAG = b"ledgerbell.checkpoint.v1"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``previous`` is the digest of the checkpoint before, or ``chain.START``; ``leaves`` is how many."""

    number: int
    at: str  # As ``moment`` writes it.
    previous: bytes
    leaves: int
    root: bytes

    def members(self) -> dict[str, Json]:
        return {
            "number": self.number,
            "at": self.at,
            "previous": self.previous.hex(),
            "leaves": self.leaves,
            "root": self.root.hex(),
        }

    def digest(self) -> bytes:
        """What the next checkpoint has as ``previous``."""
        return sha256(self._signed()).digest()

    def sign(self, key: Ed25519PrivateKey) -> bytes:
        """64 bytes."""
        return key.sign(self._signed())

    def verify(self, key: Ed25519PublicKey, signature: bytes) -> bool:
        """Whether the holder of ``key`` signed it."""
        try:
            key.verify(signature, self._signed())
        except InvalidSignature:
            return False
        return True

    def _signed(self) -> bytes:
        return _TAG + canonical(self.members())


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint as it is kept: ``key`` is the fingerprint of the key that signed it."""

    checkpoint: Checkpoint
    signature: bytes
    key: str

    def members(self) -> dict[str, Json]:
        return {
            "checkpoint": self.checkpoint.members(),
            "signature": self.signature.hex(),
            "key": self.key,
        }
