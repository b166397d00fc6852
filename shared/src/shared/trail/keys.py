"""Ed25519 keys as people keep them: PEM, or the 32 raw bytes in base64."""

from __future__ import annotations

import base64
import binascii
from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

PrivateKey = Ed25519PrivateKey
PublicKey = Ed25519PublicKey


class NoKey(ValueError):
    """The text is not the key that is needed; the message says what it should be, never what it was."""


def read_private_key(text: str) -> PrivateKey:
    """An Ed25519 private key: PEM without a password, or its 32-byte seed in base64. Raises NoKey."""
    if "-----BEGIN" not in text:
        return Ed25519PrivateKey.from_private_bytes(_raw(text, "private key"))
    if "PUBLIC KEY" in text:
        raise NoKey("that is a public key; the private one is needed")
    try:
        key = load_pem_private_key(text.strip().encode(), password=None)
    except TypeError:
        raise NoKey("the private key needs a password; give it without one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise NoKey("the private key's PEM cannot be read") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise NoKey("the private key is not of Ed25519")
    return key


def read_public_key(text: str) -> PublicKey:
    """An Ed25519 public key: PEM, or its 32 bytes in base64. Raises NoKey."""
    if "-----BEGIN" not in text:
        return Ed25519PublicKey.from_public_bytes(_raw(text, "public key"))
    if "PRIVATE KEY" in text:
        raise NoKey("that is a private key; keep it to yourself, and give the public one")
    try:
        key = load_pem_public_key(text.strip().encode())
    except (ValueError, UnsupportedAlgorithm):
        raise NoKey("the public key's PEM cannot be read") from None
    if not isinstance(key, Ed25519PublicKey):
        raise NoKey("the public key is not of Ed25519")
    return key


def public_text(key: PublicKey) -> str:
    """The 32 bytes in base64, which ``read_public_key`` reads."""
    return base64.b64encode(key.public_bytes_raw()).decode()


def fingerprint(key: PublicKey) -> str:
    """Which key it is: SHA-256 over its 32 bytes, in hex."""
    return sha256(key.public_bytes_raw()).hexdigest()


def _raw(text: str, name: str) -> bytes:
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 32:
        raise NoKey(f"the {name} is neither PEM nor 32 bytes in base64")
    return raw
