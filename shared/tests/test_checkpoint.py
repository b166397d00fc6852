"""What is signed, and which texts are keys."""

from __future__ import annotations

import base64
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from shared.trail import (
    START,
    Checkpoint,
    NoKey,
    fingerprint,
    public_text,
    read_private_key,
    read_public_key,
)

# RFC 8032, section 7.1, test 1.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
KEY = read_private_key(base64.b64encode(SEED).decode())
# Of the eight leaves that implementations of Certificate Transparency test themselves with.
ROOT = bytes.fromhex("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328")
CHECKPOINT = Checkpoint(
    1,
    "2026-03-14T09:26:53.589793Z",
    START,
    8,
    ROOT,
)


def test_a_signature_is_as_it_always_was() -> None:
    assert KEY.public_key().public_bytes_raw() == PUBLIC
    assert CHECKPOINT.sign(KEY).hex() == (
        "583fc812afc95e6398f2c31770dae95209c5bf3495373c9de873151b6ec3f80c"
        "413b71e68e25ef0167e3ebd99cf4c9d162596815b71065a0e6f88e8cb619bd01"
    )
    assert CHECKPOINT.digest().hex() == "876f1b89f5af66f686089ad0bfb307d8e1a5621c1227c9c103d0aa12569a707c"


def test_what_was_signed_verifies_and_nothing_else() -> None:
    signature, public = CHECKPOINT.sign(KEY), KEY.public_key()
    assert CHECKPOINT.verify(public, signature)
    assert not CHECKPOINT.verify(read_private_key("A" * 43 + "=").public_key(), signature)
    assert not CHECKPOINT.verify(public, signature[:-1] + bytes([signature[-1] ^ 1]))
    for changed in (
        replace(CHECKPOINT, number=2),
        replace(CHECKPOINT, at="2026-03-14T09:26:53.589794Z"),
        replace(CHECKPOINT, previous=CHECKPOINT.root),
        replace(CHECKPOINT, leaves=9),
        replace(CHECKPOINT, root=START),
    ):
        assert not changed.verify(public, signature)
        assert changed.digest() != CHECKPOINT.digest()


def test_checkpoints_form_a_chain() -> None:
    second = replace(CHECKPOINT, number=2, previous=CHECKPOINT.digest())
    third = replace(CHECKPOINT, number=3, previous=second.digest())
    assert all(after.previous == before.digest() for before, after in pairwise([CHECKPOINT, second, third]))
    assert len({CHECKPOINT.digest(), second.digest(), third.digest()}) == 3


def _pem(key: Any, password: str = "") -> str:
    kept = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, kept).decode())


def _public_pem(key: Any) -> str:
    return str(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def test_keys_are_read_from_pem_and_from_base64() -> None:
    public = KEY.public_key()
    assert read_private_key(f"\n{_pem(KEY)}\n").private_bytes_raw() == SEED
    assert read_public_key(_public_pem(public)).public_bytes_raw() == PUBLIC
    assert read_public_key(f" {public_text(public)}\n").public_bytes_raw() == PUBLIC
    assert fingerprint(public) == sha256(PUBLIC).hexdigest()


P256 = generate_private_key(SECP256R1())
BROKEN = "-----BEGIN {0} KEY-----\nMAAA\n-----END {0} KEY-----"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "neither PEM nor 32 bytes"),
        ("hunter2 hunter2", "neither PEM nor 32 bytes"),
        ("AAAA", "neither PEM nor 32 bytes"),
        ("é" * 44, "neither PEM nor 32 bytes"),
        (_public_pem(KEY.public_key()), "that is a public key"),
        (_pem(KEY, "hunter2"), "needs a password"),
        (_pem(P256), "not of Ed25519"),
        (BROKEN.format("PRIVATE"), "cannot be read"),
    ],
    ids=["empty", "two words", "three bytes", "no ASCII", "public", "locked", "P-256", "broken"],
)
def test_what_is_no_private_key_is_refused_and_not_repeated(text: str, why: str) -> None:
    with pytest.raises(NoKey, match=why) as refused:
        read_private_key(text)
    assert not text.strip() or text.strip() not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("AAAA", "neither PEM nor 32 bytes"),
        (_pem(KEY), "that is a private key"),
        (_public_pem(P256.public_key()), "not of Ed25519"),
        (BROKEN.format("PUBLIC"), "cannot be read"),
    ],
    ids=["three bytes", "private", "P-256", "broken"],
)
def test_what_is_no_public_key_is_refused(text: str, why: str) -> None:
    with pytest.raises(NoKey, match=why):
        read_public_key(text)
