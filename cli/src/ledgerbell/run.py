"""``ledgerbell demo`` and ``ledgerbell up``: start the system, tell where it is, and keep it running."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from ledgerbell.demo import Place, play
from ledgerbell.stack import PAGE_PORT, Stack
from shared.http.auth import sign_token
from shared.testing.servers import servers_for_demo

FOLDER = Path(".local/demo")
TOKEN_SECONDS = 24 * 3600


def run_demo(*, once: bool, folder: Path = FOLDER) -> bool:
    """Start everything, play the story, and keep serving unless ``once``; whether nothing was lost."""
    folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_interruptible(_demo(once=once, folder=folder)))


def run_up(folder: Path = FOLDER) -> None:
    """Start everything and keep serving."""
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(_interruptible(_up(folder)))


def run_against(place: Place, key: str, kid: str) -> bool:
    """Play the stories against a system that runs elsewhere; whether nothing was lost."""

    def sign(user: str, roles: Sequence[str]) -> str:
        return sign_token(user, roles, kid=kid, algorithm="EdDSA", key=key)

    outcome = asyncio.run(play(place, sign, print, _new_user()))
    print(outcome.line)
    return outcome.good


async def _demo(*, once: bool, folder: Path) -> bool:
    async with _started(folder, quiet=once) as stack:
        user = _new_user()
        place = Place(
            stack.gateway_url, stack.payment_provider_url, stack.sms_provider_url, stack.provider_headers
        )
        outcome = await play(place, stack.token, print, user)
        if not once:
            print(outcome.line)
            _tell_where(stack, user)
            await asyncio.Event().wait()
    print(outcome.line, flush=True)
    return outcome.good


async def _up(folder: Path) -> bool:
    async with _started(folder, quiet=False) as stack:
        _tell_where(stack, "demo")
        await asyncio.Event().wait()
    return True


@asynccontextmanager
async def _started(folder: Path, *, quiet: bool) -> AsyncIterator[Stack]:
    """The system on the servers of the environment or on private ones. ``quiet``: logs go to a file."""
    print("ledgerbell: starting PostgreSQL, RabbitMQ and the services ...", flush=True)
    async with servers_for_demo(folder) as servers:
        with (folder / "services.log").open("a") as file:
            log = file if quiet else sys.stdout
            async with Stack(servers, folder / "stack", gateway_port=PAGE_PORT, log=log) as stack:
                yield stack


def _tell_where(stack: Stack, user: str) -> None:
    token = stack.token(user, seconds=TOKEN_SECONDS)
    operator = stack.token("operator", ("operator",), seconds=TOKEN_SECONDS)
    lines = [
        "",
        f"The page; sign in as {user}, or in another window as anybody else:",
        f"  {stack.gateway_url}",
        "The operator's page, signed in for a day:",
        f"  {stack.gateway_url}/ops#token={operator}",
        "The payment provider, to pay, decline and play failures:",
        f"  {stack.payment_provider_url}",
        "The SMS provider, to send codes, or none:",
        f"  {stack.sms_provider_url}",
        "Spend some more and watch it ring:",
        f"  curl -X POST {stack.gateway_url}/v1/accounts/me/debits \\",
        f"    -H 'Authorization: Bearer {token}' \\",
        '    -H "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid)" \\',
        '    -H "Content-Type: application/json" \\',
        '    -d \'{"amount": "0.50", "currency": "USD", "reason": "Signal verification"}\'',
        "Ctrl-C ends everything.",
        "",
    ]
    print("\n".join(lines), flush=True)


def _new_user() -> str:
    return f"demo-{uuid4().hex[:8]}"


async def _interruptible(work: Coroutine[object, object, bool]) -> bool:
    """Ctrl-C and SIGTERM end the work in order, and are not a failure."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        print("\nledgerbell: ended", flush=True)
        return True
