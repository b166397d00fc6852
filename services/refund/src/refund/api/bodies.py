"""What may be asked for: one payment or one verification, with limits on every field."""

from __future__ import annotations

from typing import Literal, Self
from uuid import UUID

from pydantic import ConfigDict, model_validator
from pydantic.config import JsonDict

from refund.domain.refund import InitiateRefund, Kind
from shared.http.auth import OPERATOR, Identity
from shared.http.bodies import Amount, Body, Id, Reason
from shared.http.idempotency import IdempotencyKey

EXAMPLE: JsonDict = {"payment_id": "0198c0de-7a11-7c3e-9d5b-2f6a8e4b1c70", "reason": "Ordered twice"}


class RefundBody(Body):
    """``amount`` is in the payment's currency; left out, it is all that remains refundable.

    ``kind``: ``money`` goes to the card (payments, and what they have if nothing is said), ``credit`` to the
    balance (verifications; of payments by operators only).
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    payment_id: Id | None = None
    verification_id: Id | None = None
    amount: Amount | None = None
    reason: Reason
    kind: Literal["credit", "money"] | None = None

    @model_validator(mode="after")
    def _of_one(self) -> Self:
        if (self.payment_id is None) == (self.verification_id is None):
            raise ValueError("name either payment_id or verification_id")
        if self.verification_id is not None and self.amount is not None:
            raise ValueError("a verification is refunded in full; leave amount out")
        if self.verification_id is not None and self.kind == "money":
            raise ValueError("a verification is refunded as credit")
        return self

    def to_command(self, id_: UUID, key: IdempotencyKey, caller: Identity) -> InitiateRefund:
        kind: Kind = self.kind or ("money" if self.payment_id else "credit")
        refundable_id = self.payment_id or self.verification_id
        assert refundable_id is not None
        return InitiateRefund(
            id=id_,
            fingerprint=key.fingerprint,
            caller=caller.user_id,
            operator=OPERATOR in caller.roles,
            acts_for_all=caller.acts_for_all,
            refundable_id=refundable_id,
            refundable_kind="payment" if self.payment_id else "verification",
            kind=kind,
            amount=self.amount,
            reason=self.reason,
        )
