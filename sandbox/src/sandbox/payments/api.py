"""The payment provider over HTTP: the merchant's calls, and the operator's that play payer and bank."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from sandbox.foundation import CallFaults, TheFoundation
from sandbox.payments.bodies import CheckoutBody, DeclineBody, FailBody, FaultsBody, PayBody, RefundBody
from sandbox.payments.objects import Checkout, Refund
from sandbox.payments.provider import PaymentProvider
from sandbox.records import IdempotencyKey

router = APIRouter(prefix="/v1")

View = dict[str, object]


async def _provider(request: Request) -> PaymentProvider:
    provider: PaymentProvider = request.app.state.provider
    return provider


Provider = Annotated[PaymentProvider, Depends(_provider)]


async def _checkout(checkout_id: str, provider: Provider) -> Checkout:
    return provider.checkouts.get(checkout_id)


async def _refund(refund_id: str, provider: Provider) -> Refund:
    return provider.refunds.get(refund_id)


TheCheckout = Annotated[Checkout, Depends(_checkout)]
TheRefund = Annotated[Refund, Depends(_refund)]
ByReference = Annotated[str, Query(alias="reference")]


@router.post("/checkouts", status_code=201, tags=["merchant"])
async def create_checkout(
    body: CheckoutBody, key: IdempotencyKey, faults: CallFaults, provider: Provider, response: Response
) -> View:
    checkout, new = provider.create_checkout(key, body, faults)
    response.status_code = 201 if new else 200
    return checkout.view()


@router.get("/checkouts", tags=["merchant"])
async def find_checkouts(reference: ByReference, provider: Provider) -> View:
    return {"items": [checkout.view() for checkout in provider.checkouts.of_reference(reference)]}


@router.get("/checkouts/{checkout_id}", tags=["merchant"])
async def show_checkout(checkout: TheCheckout) -> View:
    return checkout.view()


@router.post("/checkouts/{checkout_id}/expire", tags=["merchant"])
async def expire_checkout(checkout: TheCheckout, faults: CallFaults, provider: Provider) -> View:
    provider.expire_checkout(checkout, faults)
    return checkout.view()


@router.post("/refunds", status_code=201, tags=["merchant"])
async def create_refund(
    body: RefundBody, key: IdempotencyKey, faults: CallFaults, provider: Provider, response: Response
) -> View:
    refund, new = provider.create_refund(key, body, faults)
    response.status_code = 201 if new else 200
    return refund.view()


@router.get("/refunds", tags=["merchant"])
async def find_refunds(reference: ByReference, provider: Provider) -> View:
    return {"items": [refund.view() for refund in provider.refunds.of_reference(reference)]}


@router.get("/refunds/{refund_id}", tags=["merchant"])
async def show_refund(refund: TheRefund) -> View:
    return refund.view()


@router.post("/checkouts/{checkout_id}/pay", tags=["operator"])
async def pay(
    checkout: TheCheckout,
    faults: CallFaults,
    provider: Provider,
    foundation: TheFoundation,
    body: PayBody | None = None,
) -> View:
    body = body or PayBody()
    provider.pay(checkout, faults | foundation.plan.parse_kept(body.faults), late=body.late)
    return checkout.view()


@router.post("/checkouts/{checkout_id}/decline", tags=["operator"])
async def decline(
    checkout: TheCheckout,
    faults: CallFaults,
    provider: Provider,
    foundation: TheFoundation,
    body: DeclineBody | None = None,
) -> View:
    body = body or DeclineBody()
    provider.decline(checkout, body.reason, faults | foundation.plan.parse_kept(body.faults))
    return checkout.view()


@router.post("/refunds/{refund_id}/succeed", tags=["operator"])
async def succeed_refund(
    refund: TheRefund,
    faults: CallFaults,
    provider: Provider,
    foundation: TheFoundation,
    body: FaultsBody | None = None,
) -> View:
    provider.succeed(refund, faults | foundation.plan.parse_kept((body or FaultsBody()).faults))
    return refund.view()


@router.post("/refunds/{refund_id}/fail", tags=["operator"])
async def fail_refund(
    refund: TheRefund,
    faults: CallFaults,
    provider: Provider,
    foundation: TheFoundation,
    body: FailBody | None = None,
) -> View:
    body = body or FailBody()
    provider.fail(refund, body.reason, faults | foundation.plan.parse_kept(body.faults))
    return refund.view()
