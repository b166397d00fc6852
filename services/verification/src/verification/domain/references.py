"""What a verification is called among people: short, unambiguous when read out, and always the same."""

from __future__ import annotations

from uuid import UUID

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O or U.


def reference_of(id_: UUID, *, length: int = 8) -> str:
    """``VER-7F3K9Q2M``. A longer one begins like the shorter and tells apart what the shorter cannot."""
    bits = id_.int << 2  # 26 digits of 5 bits hold 130.
    digits = "".join(_ALPHABET[(bits >> shift) & 31] for shift in range(125, 125 - 5 * length, -5))
    return f"VER-{digits}"
