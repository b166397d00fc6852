"""The SMS provider over HTTP: the merchant's calls, and the operator's that play the network."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from sandbox.foundation import CallFaults, TheFoundation
from sandbox.records import IdempotencyKey
from sandbox.sms.bodies import FaultsBody, OrderBody, SmsBody, StockBody
from sandbox.sms.objects import Order
from sandbox.sms.provider import SmsProvider

router = APIRouter(prefix="/v1")

View = dict[str, object]


async def _provider(request: Request) -> SmsProvider:
    provider: SmsProvider = request.app.state.provider
    return provider


Provider = Annotated[SmsProvider, Depends(_provider)]


async def _order(order_id: str, provider: Provider) -> Order:
    return provider.orders.get(order_id)


TheOrder = Annotated[Order, Depends(_order)]


@router.get("/services", tags=["merchant"])
async def list_services(provider: Provider) -> View:
    return {"items": [service.view() for service in provider.services.values()]}


@router.post("/orders", status_code=201, tags=["merchant"])
async def create_order(
    body: OrderBody, key: IdempotencyKey, faults: CallFaults, provider: Provider, response: Response
) -> View:
    order, new = provider.create_order(key, body, faults)
    response.status_code = 201 if new else 200
    return order.view()


@router.get("/orders", tags=["merchant"])
async def find_orders(reference: Annotated[str, Query()], provider: Provider) -> View:
    return {"items": [order.view() for order in provider.orders.of_reference(reference)]}


@router.get("/orders/{order_id}", tags=["merchant"])
async def show_order(order: TheOrder) -> View:
    return order.view()


@router.post("/orders/{order_id}/cancel", tags=["merchant"])
async def cancel_order(order: TheOrder, faults: CallFaults, provider: Provider) -> View:
    provider.cancel(order, faults)
    return order.view()


@router.post("/orders/{order_id}/finish", tags=["merchant"])
async def finish_order(order: TheOrder, faults: CallFaults, provider: Provider) -> View:
    provider.finish(order, faults)
    return order.view()


@router.post("/orders/{order_id}/sms", tags=["operator"])
async def send_sms(
    order: TheOrder,
    faults: CallFaults,
    provider: Provider,
    foundation: TheFoundation,
    body: SmsBody | None = None,
) -> View:
    body = body or SmsBody()
    provider.send_sms(order, body.code, body.text, faults | foundation.plan.parse_kept(body.faults))
    return order.view()


@router.post("/orders/{order_id}/timeout", tags=["operator"])
async def time_out_order(
    order: TheOrder,
    faults: CallFaults,
    provider: Provider,
    foundation: TheFoundation,
    body: FaultsBody | None = None,
) -> View:
    provider.time_out(order, faults | foundation.plan.parse_kept((body or FaultsBody()).faults))
    return order.view()


@router.post("/orders/{order_id}/ban", tags=["operator"])
async def ban_order(order: TheOrder, provider: Provider) -> View:
    provider.ban(order)
    return order.view()


@router.put("/services/{name}", tags=["operator"])
async def set_stock(name: str, body: StockBody, provider: Provider) -> View:
    service = provider.service(name)
    service.stock = body.stock
    return service.view()
