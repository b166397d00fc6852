"""What could not be handled can be looked at, tried again once its cause is mended, or given up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from shared.db import Database
from shared.events import Envelope, Event
from shared.events.credit import CreditAdded
from shared.events.letter import LetterDiscarded
from shared.events.payment import PaymentCompleted
from shared.events.verification import VerificationCodeReceived
from shared.http import Keyring, create_app
from shared.http.dead_letters import dead_letters
from shared.inbox import ParkedEvent, Subscriber, park
from shared.messaging import Delivery, Message, Publisher
from shared.messaging.topology import dead_queue
from shared.outbox import Outbox, OutboxTransaction
from shared.pages import InvalidCursor
from shared.testing.deliveries import added, delivery_of, envelope_of
from shared.testing.identities import Issuer, KeyPair, auth_keys
from shared.testing.namespace import Namespace
from shared.testing.waiting import until
from shared.testing.working import working

USER = "user-of-the-dead-letters"
MANY = 500
AT_ONCE = 8


class Payments:
    """Completes what was added, once its defect is mended."""

    def __init__(self) -> None:
        self.defective = True
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def complete(self, tx: OutboxTransaction, envelope: Envelope, event: CreditAdded) -> None:
        completed = PaymentCompleted(**event.model_dump(exclude={"source", "reason"}), payment_id=uuid4())
        await tx.publish(envelope.subject, completed)
        self.begun.set()
        await self.gate.wait()
        if self.defective:
            raise LookupError("a defect of ours")


class Letters:
    """The service's HTTP face, and the service behind it."""

    def __init__(
        self, http: httpx.AsyncClient, issuer: Issuer, subscriber: Subscriber, doing: Payments
    ) -> None:
        self.subscriber = subscriber
        self.doing = doing
        self._http = http
        self._issuer = issuer

    async def ask(
        self, method: str, path: str = "", body: object = None, role: str = "operator", **query: str
    ) -> httpx.Response:
        return await self._http.request(
            method,
            f"/v1/dead-letters/payment{path}",
            json=body,
            params=query,
            headers={"authorization": f"Bearer {self._issuer.token('op', [role])}"},
        )


@asynccontextmanager
async def nothing_to_start(_: FastAPI) -> AsyncIterator[None]:
    yield


@pytest.fixture
async def letters(namespace: Namespace, db: Database) -> AsyncIterator[Letters]:
    doing, issuer = Payments(), Issuer(KeyPair.generate())
    subscriber = Subscriber(
        Outbox(db, "amqp://nobody@127.0.0.1:1/", "payment"),
        db.probe,
        namespace.broker_url("payment"),
        "payment",
        {CreditAdded: doing.complete},
    )
    app = create_app(
        "Letters",
        keyring=Keyring.from_json(auth_keys(issuer.key())),
        routers=[dead_letters("payment", subscriber.letters)],
        lifespan=nothing_to_start,
        problems={InvalidCursor: (422, "invalid_cursor")},
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://letters") as http:
        yield Letters(http, issuer, subscriber, doing)


async def parked(db: Database, event: Event, body: bytes | None = None) -> UUID:
    envelope = envelope_of(event, USER)
    delivery = delivery_of(envelope)
    if body is not None:
        delivery.headers["cloudEvents:id"] = str(uuid4())
        delivery = type(delivery)(0, delivery.routing_key, delivery.message_id, True, delivery.headers, body)
    letter = ParkedEvent("payment.events", "it cannot be handled: LookupError", delivery)
    async with db.transaction() as tx:
        await park(tx, letter)
    return letter.id


async def completed(db: Database, transfers: list[UUID]) -> Counter[str]:
    async with db.autocommit() as tx:
        rows = await tx.fetch(
            "SELECT data ->> 'transfer_id' AS transfer_id FROM outbox"
            " WHERE type = $1 AND data ->> 'transfer_id' = ANY($2)",
            PaymentCompleted.TYPE,
            [str(transfer) for transfer in transfers],
        )
    return Counter(str(row["transfer_id"]) for row in rows)


async def told_of(db: Database, id_: UUID) -> int:
    """How often it was told that the event was given up."""
    async with db.autocommit() as tx:
        rows = await tx.fetch(
            "SELECT FROM outbox WHERE type = $1 AND data ->> 'event_id' = $2", LetterDiscarded.TYPE, str(id_)
        )
    return len(rows)


async def at_once(work: list[Callable[[], Awaitable[httpx.Response]]]) -> list[httpx.Response]:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(do: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        async with slots:
            return await do()

    return list(await asyncio.gather(*map(one, work)))


async def test_five_hundred_that_are_replayed_twice_have_each_effect_once(
    db: Database, letters: Letters
) -> None:
    events = [added() for _ in range(MANY)]
    ids = [await parked(db, event) for event in events]
    letters.doing.defective = False

    answers = await at_once(
        [lambda id_=id_: letters.ask("POST", f"/{id_}/replay") for id_ in ids for _ in range(2)]  # type: ignore[misc]  # mypy cannot type a default.
    )

    assert {answer.status_code for answer in answers} <= {200, 409}
    assert await completed(db, [event.transfer_id for event in events]) == {
        str(event.transfer_id): 1 for event in events
    }
    states = [(await letters.ask("GET", f"/{id_}")).json()["state"] for id_ in ids]
    assert set(states) == {"handled"}


async def test_what_is_not_mended_is_parked_again_with_its_reason(db: Database, letters: Letters) -> None:
    event = added()
    id_ = await parked(db, event)

    answer = await letters.ask("POST", f"/{id_}/replay")

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["reason"]) == (
        "parked",
        "it cannot be handled: LookupError",
    )
    assert await completed(db, [event.transfer_id]) == {}


async def test_one_is_shown_without_its_secrets(db: Database, letters: Letters) -> None:
    code = VerificationCodeReceived(verification_id=uuid4(), service="WhatsApp", code="90210")
    id_ = await parked(db, code)

    answer = await letters.ask("GET", f"/{id_}")

    assert answer.json()["data"] == {
        "verification_id": str(code.verification_id),
        "service": "WhatsApp",
        "code": "•••",
    }
    assert "90210" not in answer.text


async def test_of_what_nobody_here_knows_only_the_names_are_shown(db: Database, letters: Letters) -> None:
    body = b'{"sms": {"text": "Your code is 90210"}}'
    headers: dict[str, object] = {
        "cloudEvents:type": "verification.code_received.v2",
        "x-delivery-count": 20,
        "x-sms": "Your code is 90210",
    }
    letter = ParkedEvent(
        "payment.events", "?", Delivery(0, "payment.parked", str(uuid4()), True, headers, body)
    )
    async with db.transaction() as tx:
        await park(tx, letter)

    answer = (await letters.ask("GET", f"/{letter.id}")).json()

    assert answer["data"] == {"sms": {"text": "•••"}}
    assert answer["headers"] == {
        "cloudEvents:type": "verification.code_received.v2",
        "x-delivery-count": "20",
        "x-sms": "•••",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"90210 {",
        b"90210",
        b'"90210"',
        b'"{\\"code\\": \\"90210\\"}"',
        b'["90210"]',
        b'{"reason": "90210\xff"}',
        b'{"reason": "90210"}'.ljust(4_000_000),
    ],
)
async def test_what_has_no_named_parts_is_not_shown_at_all(
    db: Database, letters: Letters, body: bytes
) -> None:
    id_ = await parked(db, added(), body)

    answer = await letters.ask("GET", f"/{id_}")

    assert (answer.json()["data"], answer.json()["bytes"]) == (None, len(body))
    assert "90210" not in answer.text


async def test_what_is_discarded_says_who_and_why_and_is_not_replayed(db: Database, letters: Letters) -> None:
    event = added()
    id_ = await parked(db, event)
    letters.doing.defective = False

    assert (await letters.ask("POST", f"/{id_}/discard", {})).status_code == 422
    answer = await letters.ask("POST", f"/{id_}/discard", {"reason": "A test of the provider's"})
    again = await letters.ask("POST", f"/{id_}/replay")

    assert answer.json()["state"] == "discarded"
    assert (answer.json()["discarded_by"], answer.json()["discard_reason"]) == (
        "op",
        "A test of the provider's",
    )
    assert (again.status_code, again.json()["code"], again.json()["state"]) == (
        409,
        "state_conflict",
        "discarded",
    )
    assert await completed(db, [event.transfer_id]) == {}


@pytest.mark.parametrize("state", ["parked", "attempting"])  # The latter is of a process that ended then.
async def test_what_has_its_effect_by_another_way_is_handled_and_cannot_be_given_up(
    db: Database, letters: Letters, state: str
) -> None:
    event = added()
    id_ = await parked(db, event)
    letters.doing.defective = False
    await letters.subscriber._handle("payment.events", [delivery_of(envelope_of(event, USER, event_id=id_))])
    async with db.transaction() as tx:
        await tx.execute("UPDATE parked_event SET state = $2 WHERE id = $1", id_, state)

    refused = await letters.ask("POST", f"/{id_}/discard", {"reason": "Not needed"})
    after = (await letters.ask("GET", f"/{id_}")).json()

    assert (refused.status_code, refused.json()["state"]) == (409, "handled")
    assert (after["state"], after["discarded_by"], after["discard_reason"]) == ("handled", None, None)
    assert await completed(db, [event.transfer_id]) == {str(event.transfer_id): 1}
    assert await told_of(db, id_) == 0


@pytest.mark.parametrize("in_vain", [False, True])
async def test_what_is_being_replayed_is_given_up_only_if_that_was_in_vain(
    db: Database, letters: Letters, *, in_vain: bool
) -> None:
    event = added()
    id_ = await parked(db, event)
    letters.doing.defective = in_vain
    letters.doing.gate.clear()

    async def waits() -> int:
        async with db.autocommit() as tx:
            return len(
                await tx.fetch(
                    "SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)"
                    " WHERE NOT granted AND datname = current_database()"
                )
            )

    async with asyncio.TaskGroup() as group:
        replay = group.create_task(letters.ask("POST", f"/{id_}/replay"))
        await letters.doing.begun.wait()
        discard = group.create_task(letters.ask("POST", f"/{id_}/discard", {"reason": "Not needed"}))
        await until(waits)
        letters.doing.gate.set()

    assert replay.result().status_code == 200
    assert discard.result().status_code == (200 if in_vain else 409)
    states = {answer.json()["state"] for answer in (replay.result(), discard.result())}
    assert states == {"discarded" if in_vain else "handled"}
    assert await completed(db, [event.transfer_id]) == ({} if in_vain else {str(event.transfer_id): 1})
    assert await told_of(db, id_) == (1 if in_vain else 0)


async def test_what_is_discarded_stays_so_though_it_comes_again(db: Database, letters: Letters) -> None:
    event = added()
    id_ = await parked(db, event)
    await letters.ask("POST", f"/{id_}/discard", {"reason": "Not needed"})
    delivery = delivery_of(envelope_of(event, USER, event_id=id_))

    await letters.subscriber._handle("payment.events", [delivery])  # The defect is still there.
    after = (await letters.ask("GET", f"/{id_}")).json()
    letters.doing.defective = False
    await letters.subscriber._parked._handle([delivery])
    await letters.subscriber._handle("payment.events", [delivery])

    assert after["state"] == (await letters.ask("GET", f"/{id_}")).json()["state"] == "discarded"
    assert await completed(db, [event.transfer_id]) == {}


async def test_lists_are_paged_newest_first_and_by_state(db: Database, letters: Letters) -> None:
    ids = [str(await parked(db, added())) for _ in range(5)]
    await letters.ask("POST", f"/{ids[1]}/discard", {"reason": "Not needed"})

    first = (await letters.ask("GET", limit="2")).json()
    second = (await letters.ask("GET", limit="2", before=first["next"])).json()
    discarded = (await letters.ask("GET", state="discarded", limit="1")).json()

    assert [item["id"] for item in (*first["items"], *second["items"])] == [ids[4], ids[3], ids[2], ids[0]]
    assert discarded["items"][0]["id"] == ids[1]


async def test_what_waits_for_an_operator_is_listed_unless_another_state_is_asked_for(
    db: Database, letters: Letters
) -> None:
    ids = [str(await parked(db, added())) for _ in range(2)]
    async with db.autocommit() as tx:  # As a process leaves it that has ended meanwhile.
        await tx.execute("UPDATE parked_event SET state = 'attempting' WHERE id = $1", ids[0])

    async def listed(**query: str) -> list[tuple[str, str]]:
        items = (await letters.ask("GET", **query)).json()["items"]
        return [(item["id"], item["state"]) for item in items if item["id"] in ids]

    both = [(ids[1], "parked"), (ids[0], "attempting")]
    assert await listed() == await listed(state="waiting") == both
    assert await listed(state="parked") == both[:1]
    assert await listed(state="attempting") == both[1:]
    assert (await letters.ask("GET", state="any")).status_code == 422


async def test_they_are_for_operators_only(db: Database, letters: Letters) -> None:
    id_ = await parked(db, added())
    asked = [
        ("GET", ""),
        ("GET", f"/{id_}"),
        ("POST", f"/{id_}/replay"),
        ("POST", f"/{id_}/discard"),
        ("POST", "/collect"),
    ]

    answers = [
        await letters.ask(method, path, {"reason": "Mine"} if path.endswith("discard") else None, role="user")
        for method, path in asked
    ]

    assert [answer.status_code for answer in answers] == [403] * len(asked)
    assert (await letters.ask("GET", f"/{id_}")).json()["state"] == "parked"


async def test_one_that_is_not_known_is_not_found(letters: Letters) -> None:
    answers = [
        await letters.ask("GET", f"/{uuid4()}"),
        await letters.ask("POST", f"/{uuid4()}/replay"),
        await letters.ask("POST", f"/{uuid4()}/discard", {"reason": "Not needed"}),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "not_found")] * 3


async def test_what_died_on_the_broker_is_collected_and_then_replayed(
    namespace: Namespace, db: Database, letters: Letters
) -> None:
    event = added()
    envelope = envelope_of(event, USER)
    publisher = Publisher(namespace.admin_broker_url, "tests")
    works = letters.subscriber.works
    async with working(publisher.run, works["dead-watch"]):
        await publisher.linked.wait()
        queue = dead_queue("payment")
        message = Message("", queue, str(envelope.id), envelope.data, envelope.headers())
        assert len((await publisher.send_batch([message])).confirmed) == 1

        async def collected() -> bool:
            answer = await letters.ask("POST", "/collect")
            return answer.status_code == 200 and answer.json() == {"collected": 1}

        await until(collected)
        assert (await letters.ask("POST", "/collect")).json() == {"collected": 0}
    letters.doing.defective = False
    before = (await letters.ask("GET", f"/{envelope.id}")).json()
    answer = await letters.ask("POST", f"/{envelope.id}/replay")

    assert (before["state"], before["queue"], before["reason"], before["attempts"]) == (
        "parked",
        "payment.dead",
        "it died in the parked queue",
        0,
    )
    assert (answer.json()["state"], answer.json()["attempts"]) == ("handled", 1)
    assert await completed(db, [event.transfer_id]) == {str(event.transfer_id): 1}
