"""The payment provider's pages: the checkout for whoever pays, the start page for whoever plays failures."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from sandbox.edge import policy
from sandbox.faults import KEPT, Faults
from sandbox.foundation import SHOWN, Form, Foundation, TheFoundation, see
from sandbox.payments.api import Provider, TheCheckout, TheRefund
from sandbox.payments.bodies import origin_of
from sandbox.payments.objects import Checkout
from sandbox.problems import Problem

router = APIRouter(include_in_schema=False)

DECLINE_REASONS = (
    "Card declined",
    "Insufficient funds",
    "Card expired",
    "Wrong security code",
    "Suspected fraud",
)
FAIL_REASON = "Returned by the bank"


@router.get("/")
async def start(provider: Provider, foundation: TheFoundation) -> Response:
    checkouts, refunds = provider.checkouts.newest(SHOWN), provider.refunds.newest(SHOWN)
    return foundation.start_page("payments.html", checkouts=checkouts, refunds=refunds)


@router.get("/checkout/{checkout_id}")
async def show(
    checkout: TheCheckout, foundation: TheFoundation, left: Annotated[bool, Query()] = False
) -> Response:
    page = foundation.page(
        "checkout.html",
        checkout=checkout,
        left=left,
        reasons=DECLINE_REASONS,
        kept_faults=foundation.plan.of(KEPT),
        faults=checkout.faults,
    )
    page.headers["content-security-policy"] = _policy(checkout)
    return page


@router.post("/checkout/{checkout_id}/pay")
async def press_pay(
    checkout: TheCheckout, form: Form, provider: Provider, foundation: TheFoundation
) -> Response:
    with suppress(Problem):  # Pressed twice, or too late: its page says how it ended.
        provider.pay(checkout, _faults(form, foundation), late=form.get("late") == "on")
    return _back(checkout)


@router.post("/checkout/{checkout_id}/decline")
async def press_decline(
    checkout: TheCheckout, form: Form, provider: Provider, foundation: TheFoundation
) -> Response:
    reason = form.get("reason", "").strip()[:200] or DECLINE_REASONS[0]
    with suppress(Problem):
        provider.decline(checkout, reason, _faults(form, foundation))
    return _back(checkout)


@router.post("/checkout/{checkout_id}/abandon")
async def press_abandon(checkout: TheCheckout) -> Response:
    """Nothing happens: the merchant hears of it when the checkout expires."""
    return see(checkout.return_url or f"/checkout/{checkout.id}?left=1")


@router.post("/checkout/{checkout_id}/expire")
async def press_expire(checkout: TheCheckout, provider: Provider, foundation: TheFoundation) -> Response:
    with suppress(Problem):
        provider.expire_checkout(checkout, foundation.plan.none())
    return see("/")


@router.post("/refunds/{refund_id}/succeed")
async def press_succeed(refund: TheRefund, provider: Provider, foundation: TheFoundation) -> Response:
    with suppress(Problem):
        provider.succeed(refund, foundation.plan.none())
    return see("/#refunds")


@router.post("/refunds/{refund_id}/fail")
async def press_fail(
    refund: TheRefund, form: Form, provider: Provider, foundation: TheFoundation
) -> Response:
    reason = form.get("reason", "").strip()[:200] or FAIL_REASON
    with suppress(Problem):
        provider.fail(refund, reason, foundation.plan.none())
    return see("/#refunds")


def _faults(form: dict[str, str], foundation: Foundation) -> Faults:
    return foundation.plan.from_form(form, *KEPT) | foundation.plan.parse_kept(form.get("faults", ""))


def _back(checkout: Checkout) -> Response:
    return see(checkout.return_url or f"/checkout/{checkout.id}")


def _policy(checkout: Checkout) -> str:
    """A form's answer sends the person on, and browsers hold ``form-action`` against that address too."""
    onward = origin_of(checkout.return_url) if checkout.return_url else None
    return policy(f"'self' {onward}" if onward else "'self'")
