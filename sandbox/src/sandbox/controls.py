"""The operator's side of both providers: faults by rate or for the next call, and webhooks sent again."""

from __future__ import annotations

from typing import Annotated, Protocol

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from sandbox.faults import InvalidFaults, is_number
from sandbox.foundation import SHOWN, Form, TheFoundation, see
from sandbox.records import Body

router = APIRouter()

PathPrefix = Annotated[str, Field(pattern=r"^([A-Z]+ )?/\S*$", max_length=300)]


class Provider(Protocol):
    """Either of the two, as far as both are alike."""

    def reset(self) -> None: ...


class RatesBody(Body):
    rates: dict[str, float]


class NextBody(Body):
    path_prefix: PathPrefix
    faults: str
    times: Annotated[int, Field(ge=1, le=1_000_000)] = 1


@router.get("/v1/faults", tags=["faults"])
async def show_faults(foundation: TheFoundation) -> dict[str, object]:
    return foundation.plan.view()


@router.put("/v1/faults", tags=["faults"])
async def set_rates(body: RatesBody, foundation: TheFoundation) -> dict[str, object]:
    foundation.plan.set_rates(body.rates)
    return foundation.plan.view()


@router.delete("/v1/faults", tags=["faults"])
async def clear_faults(foundation: TheFoundation) -> dict[str, object]:
    foundation.plan.clear()
    return foundation.plan.view()


@router.post("/v1/faults/next", status_code=201, tags=["faults"])
async def await_call(body: NextBody, foundation: TheFoundation) -> dict[str, object]:
    foundation.plan.await_call(body.path_prefix, foundation.plan.parse(body.faults), body.times)
    return foundation.plan.view()


@router.post("/v1/reset", status_code=204, tags=["reset"])
async def reset(request: Request, foundation: TheFoundation) -> None:
    """Forget everything that was made, told or planned, as a new start would."""
    provider: Provider = request.app.state.provider
    await foundation.reset()
    provider.reset()


@router.get("/v1/webhooks", tags=["webhooks"])
async def list_webhooks(foundation: TheFoundation, object_id: str | None = None) -> dict[str, object]:
    return {"items": [event.view() for event in foundation.webhooks.newest(SHOWN, object_id)]}


@router.get("/v1/webhooks/{event_id}", tags=["webhooks"])
async def show_webhook(event_id: str, foundation: TheFoundation) -> dict[str, object]:
    return foundation.webhooks.get(event_id).view()


@router.post("/v1/webhooks/{event_id}/resend", status_code=202, tags=["webhooks"])
async def resend_webhook(event_id: str, foundation: TheFoundation) -> dict[str, object]:
    return foundation.webhooks.resend(event_id).view()


@router.post("/webhooks/{event_id}/resend", include_in_schema=False)
async def press_resend(event_id: str, foundation: TheFoundation) -> Response:
    foundation.webhooks.resend(event_id)
    return see("/#webhooks")


@router.post("/faults", include_in_schema=False)
async def submit_rates(form: Form, foundation: TheFoundation) -> Response:
    rates = {}
    for name in foundation.plan.known:
        value = form.get(f"value.{name}", "").strip()
        rates[f"{name}={value}" if value else name] = _percent(form.get(f"rate.{name}", ""))
    foundation.plan.set_rates(rates)
    return see("/#faults")


@router.post("/faults/next", include_in_schema=False)
async def submit_next(form: Form, foundation: TheFoundation) -> Response:
    times = form.get("times", "").strip() or "1"
    if not (is_number(times) and 0 < int(times) <= 1_000_000):
        raise InvalidFaults("Say how many calls are hit: a number from 1 on.")
    prefix = form.get("path_prefix", "").strip()
    if not prefix:
        raise InvalidFaults("Say which call is hit, as in POST /v1/.")
    foundation.plan.await_call(prefix, foundation.plan.parse(form.get("faults", "")), int(times))
    return see("/#faults")


@router.post("/faults/clear", include_in_schema=False)
async def press_clear(foundation: TheFoundation) -> Response:
    foundation.plan.clear()
    return see("/#faults")


def _percent(text: str) -> float:
    try:
        return float(text.strip() or 0) / 100
    except ValueError:
        raise InvalidFaults("A rate is a percentage from 0 to 100.") from None
