"""What clients do: read slowly, let their tokens run out, and forge what a provider would say."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import orjson
from standardwebhooks import Webhook

from chaos.customers import Abandoned
from chaos.faults.registry import NotInjected, fault
from chaos.history import Value
from chaos.proxy import Way
from chaos.reading import FORGED
from chaos.world import DOORS, SLOW, World

clients = partial(fault, breaks="clients")

SLOW_TABS = 3
BURST = 60
LIES = 5


@clients(16, "slow-tabs", ("tabs",))
async def slow_tabs(world: World, _: str, dice: random.Random) -> Value:
    """They read a byte a second while more and more comes for them; afterwards they are to catch up."""
    customer = dice.choice(world.workload.customers)
    for _number in range(SLOW_TABS):
        await world.open(world.tab(customer.user, world.door(SLOW)))
    pace = world.edges[SLOW, "ws-gateway"].paces[Way.DOWN]
    pace.slice_bytes, pace.bytes_per_second = 1, 1
    try:
        async with asyncio.timeout(world.longest_seconds):
            for _number in range(BURST):
                with suppress(Abandoned, httpx.HTTPError):
                    await customer.deduct_credits("0.01", customer.canary)
            await asyncio.sleep(world.longest_seconds)
    except TimeoutError:
        pass
    finally:
        pace.slice_bytes = pace.bytes_per_second = None
    return {"user": customer.user}


@clients(22, "forged-webhooks", ("payment",))
async def forged_webhooks(world: World, _: str, dice: random.Random) -> Value:
    """An unpaid checkout is said to be paid: signed wrongly, signed long ago, and signed well five times."""
    customer = dice.choice(world.workload.customers)
    try:
        begun = await customer.initialize_payment("7.00")
        checkout = await world.workload.providers.checkout(begun["reference"])
    except (httpx.HTTPError, LookupError, Abandoned) as error:
        raise NotInjected(f"no checkout to lie about: {error!r}") from None
    now, forged = datetime.now(UTC), f"{FORGED}{begun['payment_id']}"
    told = {"type": "checkout.paid", "timestamp": now.isoformat(), "data": checkout | {"status": "paid"}}
    body, right = orjson.dumps(told).decode(), world.stack.webhook_secret
    wrong = "whsec_" + "d3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmch"
    lies = [(wrong, now), (right, now - timedelta(minutes=10)), *[(right, now)] * LIES]
    url = f"{world.stack.service_url('payment')}/webhooks/sandbox"
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:

        async def lie(secret: str, at: datetime) -> object:
            headers = {
                "content-type": "application/json",
                "webhook-id": forged,
                "webhook-timestamp": str(int(at.timestamp())),
                "webhook-signature": Webhook(secret).sign(forged, at, body),
            }
            try:
                return (await http.post(url, content=body, headers=headers)).status_code
            except httpx.HTTPError as error:
                return type(error).__name__

        answers = await asyncio.gather(*(lie(secret, at) for secret, at in lies))
    return {"user": customer.user, "answers": answers}


@clients(23, "expiring-tokens", ("tabs",))
async def expiring_tokens(world: World, _: str, dice: random.Random) -> Value:
    """Tabs whose tokens end while they are open; they come back with another."""
    customer = dice.choice(world.workload.customers)
    tabs = [world.tab(customer.user, world.door(door), token_seconds=dice.randrange(2, 6)) for door in DOORS]
    for tab in tabs:
        await world.open(tab)
    await asyncio.sleep(dice.uniform(2, world.longest_seconds))
    for tab in tabs:
        tab.token = partial(world.stack.token, customer.user)
    return {"user": customer.user, "sessions": [tab.sessions for tab in tabs]}
