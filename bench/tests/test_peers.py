"""Floor and peers do what they are measured at: what goes in comes out on every tab, and money adds up."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from bench.floor.pipeline import Floor
from bench.kept_alive import KeptAlive
from bench.peers.faststream_orm.pipeline import FastStreamOrm
from bench.peers.gateways import GATEWAYS
from bench.peers.tills import PEERS, Till
from bench.product.caller import BODY, PATH
from bench.rig import Rig
from bench.spine import Spine
from shared.testing.servers import Servers

USERS = ["ann", "ben"]
TABS_EACH = 2


@pytest.mark.parametrize("pipeline", [Floor, FastStreamOrm, *GATEWAYS], ids=lambda pipeline: pipeline.name)
async def test_each_debit_is_on_each_tab_of_its_owner_once(pipeline: type[Spine], servers: Servers) -> None:
    async with pipeline(servers, USERS) as running, Rig(running, USERS, TABS_EACH) as rig:
        one_by_one = await rig.steady(rate=200, count=5)
        at_once = await rig.burst(20)
        await rig.finish()

    for run, debits in ((one_by_one, 5), (at_once, 20)):
        assert len(run.commits) == debits
        assert Counter(transfer for transfer, _ in run.arrivals) == dict.fromkeys(run.commits, TABS_EACH)


@pytest.mark.parametrize(("name", "app"), {"floor": "bench.floor.debit:app", **PEERS}.items())
async def test_debits_at_once_on_one_account_all_count(name: str, app: str, servers: Servers) -> None:
    async with Till(name, app, servers, USERS) as till:

        async def debit(times: int) -> None:
            async with KeptAlive(*till.credit_address) as http:
                for _ in range(times):
                    await http.post(PATH, "ann", BODY)

        await asyncio.gather(*(debit(5) for _ in range(8)))

        assert await till.booked() == 40
