"""An operator's command line over dead letters, against the running system."""

from __future__ import annotations

import json
from asyncio import to_thread
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest
from typer.testing import CliRunner, Result

from ledgerbell.letters import SERVICES
from ledgerbell.main import app
from ledgerbell.stack import Stack
from ledgerbell.tab import Tab
from shared.events import Envelope, exchange_of
from shared.events.credit import CreditDeducted
from shared.messaging import Message, Publisher
from shared.messaging.topology import dead_queue, parked_queue
from shared.testing.deliveries import envelope_of
from shared.testing.waiting import until
from shared.testing.working import working


class Operator:
    def __init__(self, stack: Stack, roles: tuple[str, ...] = ("operator",)) -> None:
        self._environment = {
            "LEDGERBELL_GATEWAY_URL": stack.gateway_url,
            "LEDGERBELL_OPERATOR_TOKEN": stack.token("olga", roles),
        }

    async def runs(self, *arguments: str, of: str = "dead-letters") -> Result:
        """In this process, for starting one takes longer than the work."""
        arguments = (of, *arguments)
        runs = partial(CliRunner().invoke, app, arguments, env=self._environment, catch_exceptions=False)
        return await to_thread(runs)

    async def lists(self, word: str, *arguments: str) -> str:
        """The line with that word, once there is one."""

        async def line() -> str:
            listed = (await self.runs("list", *arguments)).stdout.splitlines()
            return next((each for each in listed if word in each), "")

        return await until(line, within_seconds=60, every_seconds=0.5)


async def send(stack: Stack, message: Message) -> None:
    publisher = Publisher(stack.corner.admin_broker_url, "tests")
    async with working(publisher.run):
        await publisher.linked.wait()
        assert len((await publisher.send_batch([message])).confirmed) == 1


def deducted(user: str, cents: int = 250) -> Message:
    """A debit that died on its way to the notifier."""
    event = CreditDeducted(
        transfer_id=uuid4(),
        currency="USD",
        amount_minor=cents,
        balance_after=750,
        held_after=0,
        version=1,
        reason="A code",
    )
    envelope = envelope_of(event, user)
    return Message("", dead_queue("notifier"), str(envelope.id), envelope.data, envelope.headers())


async def test_what_cannot_be_read_is_listed_shown_tried_in_vain_and_discarded(stack: Stack) -> None:
    operator, id_ = Operator(stack), str(uuid4())
    headers = {"cloudEvents:id": id_, "cloudEvents:specversion": "9.9"}
    await send(stack, Message("", "notifier.high", id_, b'{"code":"90210"}', headers))

    line = await operator.lists(id_, "--service", "notifier")
    shown = await operator.runs("show", "notifier", id_)
    tried = await operator.runs("replay", "notifier", id_)
    discarded = await operator.runs("discard", "notifier", id_, "--reason", "Sent by a test")
    again = await operator.runs("replay", "notifier", id_, str(uuid4()))

    assert "specversion is not 1.0" in line
    assert '"code": "•••"' in shown.stdout
    assert (tried.exit_code, tried.stdout) == (1, "ledgerbell: 0 of 1 handled\n")
    assert discarded.stdout == "ledgerbell: discarded by olga\n"
    assert again.exit_code == 1
    assert again.stdout == "ledgerbell: 0 of 2 handled\n"
    assert "It is discarded already. (state_conflict" in again.stderr
    assert "(not_found" in again.stderr, "one that is refused does not keep the others from being tried"
    assert "90210" not in "".join((line, shown.stdout, tried.stdout, again.stderr))


async def test_what_died_rings_once_however_often_it_is_replayed(
    stack: Stack, tab_of: Callable[[str], Tab], user: str
) -> None:
    operator, dead, type_ = Operator(stack), deducted(user), CreditDeducted.TYPE
    last = replace(deducted(user), exchange=exchange_of(type_), routing_key=type_)

    async with tab_of(user) as tab:
        for _ in range(2):  # As it does where an acknowledgement is lost.
            await send(stack, dead)
            collected = await operator.runs("collect", "notifier")
            line = await operator.lists(dead.message_id)
            replayed = await operator.runs("replay", "notifier", dead.message_id)

            assert collected.stdout == "ledgerbell: 1 collected\n"
            assert f"it died in the {parked_queue('notifier').partition('.')[2]} queue" in line
            assert replayed.stdout == "ledgerbell: 1 of 1 handled\n"
            assert dead.message_id in await operator.lists(dead.message_id, "--state", "handled")
        await send(stack, last)
        await tab.until(lambda: last.message_id in [each.frame["id"] for each in tab.received])
    async with httpx.AsyncClient(base_url=stack.gateway_url, trust_env=False) as http:
        headers = {"authorization": f"Bearer {stack.token(user)}"}
        history = (await http.get("/v1/notifications", headers=headers)).json()["items"]

    rung = [(1, dead.message_id), (2, last.message_id)]
    assert [(each.frame["seq"], each.frame["id"]) for each in tab.received] == rung
    assert tab.doubled == 0
    assert [(each["seq"], each["id"]) for each in reversed(history)] == rung


@pytest.mark.parametrize(
    ("service", "event"),
    [
        ("credit", "payment.succeeded.v1"),
        ("payment", "credit.added.v1"),
        ("refund", "credit.added.v1"),
        ("monitor", "credit.deducted.v1"),
    ],
)
async def test_what_any_service_gave_up_is_in_the_evidence_of_its_transfer(
    stack: Stack, user: str, tmp_path: Path, service: str, event: str
) -> None:
    operator, id_, transfer = Operator(stack), uuid4(), uuid4()
    data = json.dumps({"transfer_id": str(transfer), "amount_minor": "ten"}).encode()
    headers = Envelope(id_, event, "tests", user, datetime.now(UTC), data).headers()
    await send(stack, Message(exchange_of(event), event, str(id_), data, headers))
    await operator.lists(str(id_), "--service", service)

    discarded = await operator.runs("discard", service, str(id_), "--reason", "Booked by hand")

    assert discarded.stdout == "ledgerbell: discarded by olga\n"
    file = tmp_path / "case.jsonl"

    async def told() -> str:
        exported = ("export", "--user", user, "--transfer", str(transfer), "--out", str(file))
        await operator.runs(*exported, of="audit")
        page = file.with_suffix(".html").read_text()
        return page if "<td>Discarded</td>" in page else ""

    page = await until(told, within_seconds=60, every_seconds=0.2)
    code = f"<code><bdi>{event}</bdi></code>"
    assert f"{code} at <bdi>{service}</bdi> by <bdi>olga</bdi>: <bdi>Booked by hand</bdi>" in page
    assert f"Discarded at {service} by olga: Booked by hand" in file.read_text()


async def test_all_that_wait_are_replayed_in_the_order_they_came(
    stack: Stack, tab_of: Callable[[str], Tab], user: str
) -> None:
    operator, amounts = Operator(stack), [101, 102, 103, 104]
    for cents in amounts:
        await send(stack, deducted(user, cents))
    await operator.runs("collect", "notifier")

    await operator.runs("replay", "notifier")
    async with tab_of(user) as tab:
        await tab.until(lambda: len(tab.received) == len(amounts))

    assert [each.frame["seq"] for each in tab.received] == [1, 2, 3, 4]
    assert [each.frame["amount"] for each in tab.received] == [f"-{cents / 100}" for cents in amounts]


async def test_what_ended_its_process_waits_as_what_is_parked_does(stack: Stack, user: str) -> None:
    operator, dead = Operator(stack), deducted(user)
    await send(stack, dead)
    await operator.runs("collect", "notifier")
    notifier = await asyncpg.connect(stack.database_url("notifier"))
    await notifier.execute("UPDATE parked_event SET state = 'attempting' WHERE id = $1", dead.message_id)
    await notifier.close()

    line = await operator.lists(dead.message_id, "--service", "notifier")
    replayed = await operator.runs("replay", "notifier")

    assert " attempting   0 tries " in line
    assert dead.message_id not in replayed.stderr
    assert " handled      1 tries " in await operator.lists(dead.message_id, "--state", "handled")


@pytest.mark.parametrize("url", ["http://127.0.0.1:port", "127.0.0.1", "http://127.0.0.1:1"])
def test_an_address_that_is_none_is_told_in_a_sentence(url: str) -> None:
    environment = {"LEDGERBELL_GATEWAY_URL": url, "LEDGERBELL_OPERATOR_TOKEN": "token"}

    for command in (["dead-letters", "list"], ["coverage"]):
        run = CliRunner().invoke(app, command, env=environment, catch_exceptions=False)

        assert run.exit_code == 1
        assert run.stderr.startswith("ledgerbell: ")


async def test_others_are_told_which_role_it_needs(stack: Stack) -> None:
    refused = await Operator(stack, ("user",)).runs("list")

    assert refused.exit_code == 1
    assert refused.stderr.startswith("ledgerbell: GatewayRefused: This needs the role operator. (forbidden")


@pytest.mark.parametrize("service", SERVICES)
async def test_those_of_every_service_are_reached(stack: Stack, service: str) -> None:
    collected = await Operator(stack).runs("collect", service)

    assert collected.stdout == "ledgerbell: 0 collected\n"
