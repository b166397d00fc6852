"""What people call a payment, a refund or a verification: short, easily read out, and always the same."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Without letters that look like digits, or spell words.
LENGTH = 12  # 60 bits: two of them meet once in a billion.


def reference_of(prefix: str, id_: UUID) -> str:
    """What follows from an id, such as ``PAY-7F3K9Q2M4C1X``. A UNIQUE key sees to the one in a billion."""
    number = int.from_bytes(sha256(id_.bytes).digest()[:8])
    letters = (_CROCKFORD[(number >> (59 - 5 * place)) & 31] for place in range(LENGTH))
    return f"{prefix}-{''.join(letters)}"
