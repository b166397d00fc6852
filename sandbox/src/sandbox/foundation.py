"""What both providers stand on: settings, fault plan, webhooks, timers and pages."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sandbox.faults import KEPT, Fault, FaultPlan, Faults
from sandbox.problems import Problem
from sandbox.records import Timers
from sandbox.settings import Settings
from sandbox.webhooks import Webhooks

SHOWN = 50

_NO_FRACTION = frozenset({"CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"})
_THREE_DIGITS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


class Foundation:
    """Built once a provider; its time begins and ends with the server's."""

    def __init__(self, title: str, settings: Settings, faults: Mapping[str, Fault]) -> None:
        self.title = title
        self.settings = settings
        self.plan = FaultPlan(faults, settings.seed)
        self.webhooks = Webhooks(settings, self.plan)
        self.timers = Timers()
        self.closing = asyncio.Event()
        self._pages = _environment(title)

    async def reset(self) -> None:
        """As it was at the start."""
        self.timers.stop()
        self.plan.reset()
        await self.webhooks.forget()

    async def close(self) -> None:
        self.timers.stop()
        await self.webhooks.close()

    def page(self, template: str, *, status: int = 200, **shown: object) -> HTMLResponse:
        return HTMLResponse(self._pages.get_template(template).render(shown), status)

    def start_page(self, template: str, **shown: object) -> HTMLResponse:
        """The operator's page: what ``shown`` says, then webhooks and faults, the same at both providers."""
        return self.page(
            template,
            status=200,
            webhooks=self.webhooks.newest(SHOWN),
            webhook_url=self.settings.webhook_url,
            plan=self.plan,
            kept_faults=self.plan.of(KEPT),
            **shown,
        )

    def problem_page(self, problem: Problem) -> Response:
        return self.page("problem.html", status=problem.status, problem=problem)


def _environment(title: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("sandbox"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["title"] = title
    environment.filters["money"] = money
    environment.filters["clock"] = _clock
    return environment


def money(amount_minor: int, currency: str) -> str:
    """An amount as people read it: ``1234, "USD"`` is ``12.34 USD``."""
    digits = 0 if currency in _NO_FRACTION else 3 if currency in _THREE_DIGITS else 2
    if not digits:
        return f"{amount_minor:,} {currency}"
    whole, fraction = divmod(amount_minor, 10**digits)
    return f"{whole:,}.{fraction:0{digits}} {currency}"


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S} UTC"


def see(path: str) -> RedirectResponse:
    """After a form: the page to look at next."""
    return RedirectResponse(path, 303)


async def _foundation(request: Request) -> Foundation:
    foundation: Foundation = request.app.state.foundation
    return foundation


async def _faults(request: Request) -> Faults:
    faults: Faults = request.state.faults
    return faults


async def _form(request: Request) -> dict[str, str]:
    async with request.form() as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


TheFoundation = Annotated[Foundation, Depends(_foundation)]
CallFaults = Annotated[Faults, Depends(_faults)]
Form = Annotated[dict[str, str], Depends(_form)]
