"""What the ledger can be told to do. Amounts are positive; the command says which way they go."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid5

from credit.domain.system_accounts import Source
from shared.money import Money

# Never changes, or repetitions would move money again.
_TRANSFERS = UUID("8c6f2d9e-51c4-5b0e-9a83-6f0f5f1f7d11")
_REJECTIONS = UUID("8c6f2d9e-51c4-5b0e-9a83-6f0f5f1f7d12")

# The scope of intents that come by event.
EVENTS = "event"


def rejection_event_of(transfer_id: UUID, code: str) -> UUID:
    """The id under which a rejection is published, again too: inboxes that know it drop it."""
    return uuid5(_REJECTIONS, f"{transfer_id} {code}")


@dataclass(frozen=True, slots=True)
class Intent:
    """What makes a repetition a repetition: the key in its scope, and the fingerprint of the request."""

    scope: str
    key: str
    fingerprint: str

    @property
    def transfer_id(self) -> UUID:
        """The same for every repetition, so that one after the key's expiry still moves nothing."""
        return uuid5(_TRANSFERS, f"{self.scope}\n{self.key}")


@dataclass(frozen=True, slots=True)
class AddCredits:
    """``transfer_id`` is given where the addition has a cause of its own, such as a payment."""

    intent: Intent
    user_id: str
    money: Money
    source: Source
    reason: str
    reference: str | None = None
    transfer_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class DeductCredits:
    intent: Intent
    user_id: str
    money: Money
    reason: str
    service: str | None = None
    reference: str | None = None
    link: str | None = None
    transfer_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """``placed_by`` is the caller; a user may end only the holds that they placed themselves."""

    intent: Intent
    user_id: str
    money: Money
    reason: str
    expires_in_seconds: int
    placed_by: str
    service: str | None = None
    reference: str | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class PostHold:
    """``any_user``: the caller may act for every user."""

    intent: Intent
    hold_id: UUID
    caller: str
    any_user: bool

    @property
    def transfer_id(self) -> UUID:
        """A hold becomes one transfer, however often it is posted."""
        return uuid5(_TRANSFERS, f"hold\n{self.hold_id}")


@dataclass(frozen=True, slots=True)
class VoidHold:
    """``any_user``: the caller may act for every user."""

    intent: Intent
    hold_id: UUID
    caller: str
    any_user: bool
