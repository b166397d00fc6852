"""Verifications over HTTP: what is sold, requested, looked at, given up."""

from __future__ import annotations

import math
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, StringConstraints

from shared.http.auth import Caller
from shared.http.bodies import Body
from shared.http.credit import CreditAway
from shared.http.idempotency import Key, reused
from shared.http.openapi import refusals
from shared.http.pages import Before, Limit, link_next
from shared.http.problems import Problem, busy, not_found
from verification.api.views import ServicesView, VerificationsView, VerificationView
from verification.domain.errors import KeyReused, StateConflict, TooManyActive, UnknownVerification
from verification.domain.machine import State
from verification.domain.orders import CancelTooEarly
from verification.domain.services import Assortment, UnknownService
from verification.handlers import reading
from verification.handlers.cancelling import cancel
from verification.handlers.requesting import Request as Wanted
from verification.handlers.requesting import Requesting
from verification.handlers.trade import Trade

# Never changes, or repetitions would buy again.
NAMESPACE = UUID("5b1c0f0a-9a4e-5d63-8f0e-4c2b7d9e6a13")

ServiceKey = Annotated[str, StringConstraints(max_length=40), Field(examples=["whatsapp"])]
Country = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,40}$"), Field(examples=["england"])]


class VerificationBody(Body):
    """``country`` as the provider calls it; ``any`` where it does not matter."""

    service: ServiceKey
    country: Country = "any"


def verifications(trade: Trade, assortment: Assortment, requesting: Requesting) -> APIRouter:
    router = APIRouter(prefix="/v1/verifications", tags=["verifications"])

    @router.get("/services")
    async def list_services(caller: Caller) -> ServicesView:
        """What is sold, and for how much."""
        del caller
        return ServicesView.of(assortment.services)

    @router.post(
        "",
        status_code=201,
        responses=refusals(
            insufficient_credits=402,
            not_found=404,
            account_closed=409,
            account_frozen=409,
            abandoned=409,
            unknown_service=422,
            currency_mismatch=422,
            too_many_verifications=429,
        ),
    )
    async def request_verification(caller: Caller, body: VerificationBody, key: Key) -> VerificationView:
        """Sets the price aside and begins. The user is charged when there is a number, and not before."""
        try:
            service = assortment.service(body.service)
        except UnknownService as unknown:
            raise Problem(422, "unknown_service", str(unknown)) from None
        wanted = Wanted(
            key.resource_id(NAMESPACE),
            key.fingerprint,
            caller.user_id,
            service,
            assortment.provider_of(service.key),
            body.country,
        )
        try:
            row = await requesting.request(wanted)
        except KeyReused:
            raise reused() from None
        except TooManyActive as many:
            raise _too_many(many) from None
        except CreditAway:
            raise busy() from None
        if row["state"] == State.REJECTED:
            raise Problem(**row["rejection"])
        return VerificationView.of(row, caller)

    @router.get("", responses=refusals(not_found=404))
    async def list_verifications(
        caller: Caller,
        request: Request,
        response: Response,
        user_id: Annotated[
            str | None, Query(max_length=200, description="For operators and services.")
        ] = None,
        before: Before = None,
        limit: Limit = 50,
    ) -> VerificationsView:
        """The caller's own, newest first. ``next`` is the cursor of the page after this one."""
        owner = user_id or caller.user_id
        if not caller.may_act_for(owner):
            raise not_found("user")
        async with trade.db.autocommit() as tx:
            page = await reading.history(tx, owner, before, limit)
        link_next(request, response, page.next, limit)
        return VerificationsView(
            items=[VerificationView.of(row, caller) for row in page.items], next=page.next
        )

    @router.get("/{verification_id}")
    async def get_verification(verification_id: UUID, caller: Caller) -> VerificationView:
        try:
            async with trade.db.autocommit() as tx:
                row = await reading.verification(tx, verification_id, caller)
        except UnknownVerification:
            raise not_found("verification") from None
        return VerificationView.of(row, caller)

    @router.post(
        "/{verification_id}/cancel",
        status_code=202,
        responses=refusals(state_conflict=409, cancel_too_early=409),
    )
    async def cancel_verification(verification_id: UUID, caller: Caller) -> VerificationView:
        """Gives it up; a number that was paid for is refunded once the provider has confirmed its end.

        Before there is a number the wish is kept, and granted as soon as it can be.
        """
        try:
            row = await cancel(trade, verification_id, caller)
        except UnknownVerification:
            raise not_found("verification") from None
        except StateConflict as conflict:
            detail = f"A verification that is {conflict.state} cannot be cancelled."
            raise Problem(409, "state_conflict", detail, state=conflict.state) from None
        except CancelTooEarly as early:
            raise _too_early(early) from None
        return VerificationView.of(row, caller)

    return router


def _too_many(many: TooManyActive) -> Problem:
    return Problem(
        429,
        "too_many_verifications",
        f"At most {many.most} verifications may be under way at once; wait for one, or cancel one.",
        headers={"Retry-After": "30"},
    )


def _too_early(early: CancelTooEarly) -> Problem:
    seconds = math.ceil(early.retry_after_seconds)
    return Problem(
        409,
        "cancel_too_early",
        f"The number is too new to be given back; try again in {seconds} s.",
        headers={"Retry-After": str(seconds)},
    )
