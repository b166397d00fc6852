"""Sends webhooks as Standard Webhooks say, again until they are taken, and badly when that is asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import httpx
from standardwebhooks import Webhook

from sandbox.faults import FaultPlan, Faults
from sandbox.logs import tell, tell_failure
from sandbox.problems import not_found
from sandbox.records import iso, new_id, now
from sandbox.settings import Settings

ANSWER_SECONDS = 10
KEPT_EVENTS = 10_000

Status = Literal["waiting", "held", "dropped", "delivered", "given_up", "no_address"]


@dataclass(frozen=True, slots=True)
class Attempt:
    at: datetime
    outcome: str  # A status, or the name of what went wrong.


@dataclass(slots=True)
class Event:
    """What happened, as it is told; its id stays the same however often it is sent."""

    id: str
    number: int
    type: str
    object_id: str
    body: bytes
    faults: Faults
    created_at: datetime
    status: Status = "waiting"
    attempts: list[Attempt] = field(default_factory=list)

    def view(self) -> dict[str, object]:
        return {
            "id": self.id,
            "type": self.type,
            "object_id": self.object_id,
            "status": self.status,
            "faults": str(self.faults),
            "attempts": [{"at": iso(a.at), "outcome": a.outcome} for a in self.attempts],
            "created_at": iso(self.created_at),
        }


@dataclass(slots=True)
class _Held:
    number: int
    released: asyncio.Event = field(default_factory=asyncio.Event)


class Webhooks:
    """All events of one provider and their deliveries, each a task of its own."""

    def __init__(self, settings: Settings, plan: FaultPlan) -> None:
        self._url = settings.webhook_url
        self._hold_seconds = settings.webhook_hold_seconds
        self._retry_seconds = settings.webhook_retry_seconds
        self._signer = Webhook(settings.webhook_secret) if settings.webhook_url else None
        self._plan = plan
        self._events: dict[str, Event] = {}
        self._count = 0
        self._deliveries: dict[str, asyncio.Task[None]] = {}
        self._held: _Held | None = None
        # A proxy named in the environment is for the way out; the receiver is near.
        self._http = httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False)

    async def close(self) -> None:
        await self.forget()
        await self._http.aclose()

    async def forget(self) -> None:
        """Drop all events, also those on their way."""
        deliveries = list(self._deliveries.values())
        for delivery in deliveries:
            delivery.cancel()
        await asyncio.gather(*deliveries, return_exceptions=True)
        self._events.clear()

    def emit(self, kind: str, data: Mapping[str, object], faults: Faults) -> Event:
        """Tell that ``data`` has changed. ``faults`` are the object's; chance adds its own."""
        created = now()
        body = json.dumps({"type": kind, "timestamp": iso(created), "data": data}, ensure_ascii=False)
        self._count += 1
        event = Event(
            id=new_id("evt"),
            number=self._count,
            type=kind,
            object_id=str(data["id"]),
            body=body.encode(),
            faults=self._plan.draw("webhooks") | faults.only("webhooks"),
            created_at=created,
        )
        self._events[event.id] = event
        if len(self._events) > KEPT_EVENTS:
            del self._events[next(iter(self._events))]
        if self._signer is None:
            event.status = "no_address"
        elif "drop" in event.faults:
            event.status = "dropped"
        else:
            self._start(event, event.faults)
        tell("webhook.emitted", id=event.id, type=kind, object=event.object_id, status=event.status)
        return event

    def resend(self, event_id: str) -> Event:
        """Send it now, without faults and whatever became of it before. Raises Problem."""
        event = self.get(event_id)
        if self._signer is not None:
            running = self._deliveries.pop(event.id, None)
            if running is not None:
                running.cancel()
            event.status = "waiting"
            self._start(event, self._plan.none())
        return event

    def get(self, event_id: str) -> Event:
        """Raises Problem."""
        if event_id not in self._events:
            raise not_found("webhook")
        return self._events[event_id]

    def newest(self, most: int, object_id: str | None = None) -> list[Event]:
        events = [e for e in self._events.values() if object_id in (None, e.object_id)]
        return events[: -most - 1 : -1]

    def _start(self, event: Event, faults: Faults) -> None:
        delivery = asyncio.create_task(self._deliver(event, faults), name=event.id)
        self._deliveries[event.id] = delivery
        delivery.add_done_callback(lambda done: self._ended(event, done))

    def _ended(self, event: Event, delivery: asyncio.Task[None]) -> None:
        if self._deliveries.get(event.id) is delivery:
            del self._deliveries[event.id]
        if not delivery.cancelled() and (error := delivery.exception()) is not None:
            event.status = "given_up"
            tell_failure("webhook.failed", error, id=event.id)

    async def _deliver(self, event: Event, faults: Faults) -> None:
        # One is held at a time: were the next held as well, neither would ever be overtaken.
        if "reorder" in faults and self._held is None:
            await self._hold_back(event)
        await asyncio.sleep(faults.number("webhook_delay") / 1000)
        copies = faults.number("duplicate", 1)
        for pause in (0, *self._retry_seconds):
            await asyncio.sleep(pause)
            taken = await asyncio.gather(*(self._post(event) for _ in range(copies)))
            self._release(event)
            if any(taken):
                event.status = "delivered"
                return
            copies = 1
        event.status = "given_up"
        tell("webhook.given_up", id=event.id, type=event.type, attempts=len(event.attempts))

    async def _hold_back(self, event: Event) -> None:
        self._held = held = _Held(event.number)
        event.status = "held"
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._hold_seconds):
                    await held.released.wait()
        finally:
            self._held = None
        event.status = "waiting"

    def _release(self, gone: Event) -> None:
        if self._held is not None and gone.number > self._held.number:
            self._held.released.set()

    async def _post(self, event: Event) -> bool:
        assert self._signer is not None
        at = now()
        headers = {
            "content-type": "application/json",
            "webhook-id": event.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._signer.sign(event.id, at, event.body.decode()),
        }
        try:
            response = await self._http.post(self._url, content=event.body, headers=headers)
        except httpx.HTTPError as error:
            event.attempts.append(Attempt(at, type(error).__name__))
            return False
        event.attempts.append(Attempt(at, str(response.status_code)))
        return response.is_success
