"""Events of the verification service: a number, a code, or the money back."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from shared.events.contract import Currency, Event, Lane, Minor, Text


class Verification(Event):
    verification_id: UUID
    service: Text


class VerificationInitiated(Verification):
    """The price is set aside, and a number is looked for."""

    TYPE: ClassVar[str] = "verification.initiated.v1"
    LANE: ClassVar[Lane] = Lane.HIGH


class _Charged(Verification):
    """The user was charged for it, by ``transfer_id``."""

    currency: Currency
    amount_minor: Minor
    transfer_id: UUID


class VerificationNumberAssigned(_Charged):
    """There is a number, and it is paid for."""

    TYPE: ClassVar[str] = "verification.number_assigned.v1"
    LANE: ClassVar[Lane] = Lane.STANDARD

    phone_number: Text = Field(repr=False)


class VerificationCodeReceived(Verification):
    """The code has come."""

    TYPE: ClassVar[str] = "verification.code_received.v1"
    LANE: ClassVar[Lane] = Lane.STANDARD

    code: Text = Field(repr=False)  # A secret: kept out of every repr, so out of every log.


class VerificationFailed(Verification):
    """There was no number to be had; nothing was charged."""

    TYPE: ClassVar[str] = "verification.failed.v1"
    LANE: ClassVar[Lane] = Lane.HIGH

    reason: Text


class VerificationTimedOut(_Charged):
    """No code came in time; the automatic refund follows."""

    TYPE: ClassVar[str] = "verification.timed_out.v1"
    LANE: ClassVar[Lane] = Lane.HIGH


class VerificationCancelled(_Charged):
    """The user gave it up; the automatic refund follows."""

    TYPE: ClassVar[str] = "verification.cancelled.v1"
    LANE: ClassVar[Lane] = Lane.HIGH


class VerificationLateSms(Verification):
    """A code arrived after the money had gone back; it is withheld."""

    TYPE: ClassVar[str] = "verification.late_sms.v1"
    LANE: ClassVar[Lane] = Lane.STANDARD
