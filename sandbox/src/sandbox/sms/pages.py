"""The SMS provider's page, for whoever plays the network: orders, stock, webhooks and faults."""

from __future__ import annotations

from contextlib import suppress

from fastapi import APIRouter
from starlette.responses import Response

from sandbox.faults import KEPT, is_number
from sandbox.foundation import SHOWN, Form, TheFoundation, see
from sandbox.problems import Problem
from sandbox.sms.api import Provider, TheOrder
from sandbox.sms.bodies import SmsBody

router = APIRouter(include_in_schema=False)


@router.get("/")
async def start(provider: Provider, foundation: TheFoundation) -> Response:
    services = list(provider.services.values())
    return foundation.start_page("sms.html", orders=provider.orders.newest(SHOWN), services=services)


@router.post("/orders/{order_id}/sms")
async def press_send(order: TheOrder, form: Form, provider: Provider, foundation: TheFoundation) -> Response:
    code = form.get("code", "").strip() or None
    try:
        body = SmsBody(code=code)
    except ValueError:
        detail = "A code has at most 20 letters, digits and hyphens."
        raise Problem(422, "invalid_request", detail) from None
    faults = foundation.plan.from_form(form, *KEPT)
    provider.send_sms(order, body.code, None, faults)
    return see("/")


@router.post("/orders/{order_id}/timeout")
async def press_expire(order: TheOrder, provider: Provider, foundation: TheFoundation) -> Response:
    with suppress(Problem):  # It has ended meanwhile; the page says how.
        provider.time_out(order, foundation.plan.none())
    return see("/")


@router.post("/orders/{order_id}/ban")
async def press_ban(order: TheOrder, provider: Provider) -> Response:
    with suppress(Problem):
        provider.ban(order)
    return see("/")


@router.post("/services/{name}")
async def submit_stock(name: str, form: Form, provider: Provider) -> Response:
    stock = form.get("stock", "").strip()
    if not (is_number(stock) and int(stock) < 1_000_000):
        raise Problem(422, "invalid_request", "Stock is a number from 0 to 999999.")
    provider.service(name).stock = int(stock)
    return see("/#services")
