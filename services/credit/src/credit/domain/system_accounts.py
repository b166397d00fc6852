"""The accounts on the other side of every movement: where money comes from and goes to."""

from __future__ import annotations

from typing import Literal, TypeAlias

Source: TypeAlias = Literal["manual", "bonus", "payment", "refund"]
SystemAccount: TypeAlias = Literal["provider_clearing", "revenue", "promo", "refunds"]

REVENUE: SystemAccount = "revenue"  # What users spend.

_FUNDED_BY: dict[Source, SystemAccount] = {
    "manual": "promo",
    "bonus": "promo",
    "payment": "provider_clearing",
    "refund": "refunds",
}


def funded_by(source: Source) -> SystemAccount:
    """The account an addition is taken from."""
    return _FUNDED_BY[source]
