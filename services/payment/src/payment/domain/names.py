"""Ids that follow from the payment's or the refund's, so that a repetition finds the same ones."""

from __future__ import annotations

from uuid import UUID, uuid5

# These never change, or repetitions would pay or credit again.
PAYMENTS = UUID("5d0a6cfd-7f43-5a58-8a5c-2c0f2f7c9a01")
_TRANSFERS = UUID("5d0a6cfd-7f43-5a58-8a5c-2c0f2f7c9a02")
_EVENTS = UUID("5d0a6cfd-7f43-5a58-8a5c-2c0f2f7c9a03")


def transfer_of(payment_id: UUID) -> UUID:
    """The id under which credit books the payment, once."""
    return uuid5(_TRANSFERS, str(payment_id))


def outcome_event_of(refund_id: UUID, outcome: str) -> UUID:
    """The id under which a refund's outcome is published, again too: inboxes that know it drop it."""
    return uuid5(_EVENTS, f"{refund_id} {outcome}")
