"""What must not grow: reading a history of a million, an event's way past 10,000 tabs of others."""

from __future__ import annotations

import base64
import statistics
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from urllib.parse import urlsplit

import asyncpg
import orjson

from bench.child import Child
from bench.figures import Figure, Verdict, percentile
from bench.kept_alive import KeptAlive
from bench.plots import Growth
from bench.product.pipeline import Product
from bench.stage import Stage
from bench.tabs import Gateway

HISTORIES = (1_000, 10_000, 100_000, 1_000_000)
ROUNDS = 60
CROWDS = (1, 1_000, 10_000)
RATE = 50
EVENTS = 75
WARM_UP_EVENTS = 25
REPETITIONS = 5
AT_MOST = 1.2
MEANT = "meant"  # The user of whom each gateway has one tab.
STORE = """
INSERT INTO notification (user_id, seq, id, kind, lane, category, icon, title, body, link, toast,
    amount_minor, currency, transfer_id, occurred_at)
SELECT $1, n, gen_random_uuid(), 'credit.deducted', 'critical', 'money_out', '💳', 'Credits Deducted',
    '$0.01 for SMS verification. New balance: $26.50', '/history', true, -1, 'USD', gen_random_uuid(),
    now() - make_interval(secs => $2 - n)
FROM generate_series(1, $2::bigint) n
"""
COUNT = "INSERT INTO stream (user_id, last_seq, unread, rev) VALUES ($1, $2, $2, $2)"

Curve = list[float]  # Milliseconds at each size.


async def run(stage: Stage) -> list[Verdict]:
    async with stage.product([MEANT]) as product:
        return [*await _histories(stage, product), await _crowds(product)]


# ---------------------------------------------------------------------------- histories


@dataclass(frozen=True)
class Reader:
    """One user's history and what is asked about it."""

    token: str
    middle: str

    @property
    def paths(self) -> dict[str, str]:
        return {
            "newest page of the history": "/v1/notifications",
            "page in the middle of the history": f"/v1/notifications?before={self.middle}",
            "unread count": "/v1/notifications/unread",
        }


async def _histories(stage: Stage, product: Product) -> list[Verdict]:
    users = [f"history-{size}" for size in HISTORIES]
    await _store(stage, product, users)
    address = urlsplit(product.stack.notifier_url)
    async with KeptAlive(address.hostname or "", address.port or 0) as http:
        tokens = product.tokens(users)
        readers = [
            Reader(tokens[user], await _middle(http, tokens[user], size))
            for user, size in zip(users, HISTORIES, strict=True)
        ]
        await _read(http, readers)
        repetitions = [await _read(http, readers) for _ in range(REPETITIONS)]
    curves = {what: [its[what] for its in repetitions] for what in readers[0].paths}
    plot = Growth("reading one user's history", "notifications", "ms, p50", _medians(curves, HISTORIES))
    first, *others = [_flat(what, HISTORIES, "stored", curve) for what, curve in curves.items()]
    return [first.with_plot(plot), *others]


async def _store(stage: Stage, product: Product, users: Sequence[str]) -> None:
    """As the notifier does, but as its administrator and without an event for each."""
    name = urlsplit(product.stack.database_url("notifier")).path
    admin = urlsplit(stage.postgres.url)._replace(path=name).geturl()
    database = await asyncpg.connect(admin)
    try:
        for user, size in zip(users, HISTORIES, strict=True):
            await database.execute(STORE, user, size, timeout=600)
            await database.execute(COUNT, user, size)
        await database.execute("VACUUM (ANALYZE) notification", timeout=600)
        await database.execute("CHECKPOINT")
    finally:
        await database.close()


async def _middle(http: KeptAlive, token: str, size: int) -> str:
    """The cursor of the page that begins half-way; a client would have paged to it."""
    epoch = orjson.loads(await http.get("/v1/notifications/unread", token))["as_of"].partition(":")[0]
    return base64.urlsafe_b64encode(f"{epoch}:{size // 2}".encode()).decode().rstrip("=")


async def _read(http: KeptAlive, readers: Sequence[Reader]) -> dict[str, Curve]:
    """The sizes take turns, so that each meets the same neighbours."""
    took: dict[str, list[list[float]]] = {what: [[] for _ in readers] for what in readers[0].paths}
    for _ in range(ROUNDS):
        for place, reader in enumerate(readers):
            for what, path in reader.paths.items():
                began = time.monotonic()
                await http.get(path, reader.token)
                took[what][place].append((time.monotonic() - began) * 1e3)
    return {what: [percentile(its, 0.5) for its in lists] for what, lists in took.items()}


# ---------------------------------------------------------------------------- crowds


async def _crowds(product: Product) -> Verdict:
    """A gateway for each crowd: every event comes to one tab at each, so that all have the same moment."""
    async with AsyncExitStack() as exits:
        meant = []
        for crowd in CROWDS:
            others = [f"crowd-{crowd}-{number}" for number in range(crowd - 1)]
            gateway = await _another_gateway(product)
            await _open(exits, product, gateway, others)
            meant.append(await _open(exits, product, gateway, [MEANT]))
        await _arrivals(product, meant, WARM_UP_EVENTS)
        curves = [await _arrivals(product, meant, EVENTS) for _ in range(REPETITIONS)]
        for tabs in meant:
            await tabs.ask("close")
    what = f"commit → tab at {RATE}/s"
    plot = Growth(f"{what}, by the tabs of others", "tabs", "ms, p50", _medians({what: curves}, CROWDS))
    return _flat(what, CROWDS, "tabs connected", curves).with_plot(plot)


async def _another_gateway(product: Product) -> Gateway:
    name = await product.stack.replicate("ws-gateway")
    port = urlsplit(product.stack.service_url(name)).port
    assert port is not None
    return replace(product.entrance(), port=port)


async def _open(exits: AsyncExitStack, product: Product, gateway: Gateway, users: Sequence[str]) -> Child:
    tabs = await exits.enter_async_context(Child("bench.tabs", asdict(gateway)))
    await tabs.ask("open", tokens=product.tokens(users), each=1)
    return tabs


async def _arrivals(product: Product, meant: Sequence[Child], events: int) -> Curve:
    answer = await product.writer.ask("steady", users=[MEANT], rate=RATE, count=events)
    commits = dict(answer["commits"])
    curve = []
    for tabs in meant:
        seen = await tabs.ask("expect", arrivals=len(commits), timeout_seconds=60)
        curve.append(percentile([(at - commits[id_]) / 1e6 for id_, at in seen["arrivals"]], 0.5))
    return curve


# ---------------------------------------------------------------------------- both


def _flat(what: str, sizes: Sequence[int], of: str, curves: Sequence[Curve]) -> Verdict:
    least, most = (Figure(tuple(curve[place] for curve in curves), "ms", 2) for place in (0, -1))
    ratio = most.over(least)
    row = f"{what}, {sizes[-1]:,} {of}"
    return Verdict(row, most, f"{sizes[0]:,}: {least}", f"{ratio:.2f}×", f"≤ {AT_MOST:g}×", ratio <= AT_MOST)


def _medians(curves: dict[str, list[Curve]], sizes: Sequence[int]) -> dict[str, list[tuple[float, float]]]:
    return {
        what: [
            (size, statistics.median(its)) for size, its in zip(sizes, zip(*lists, strict=True), strict=True)
        ]
        for what, lists in curves.items()
    }
