"""The notifier's own database and virtual host, and the notifier itself in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

import aio_pika
import asyncpg
import httpx
import pytest
from pydantic import TypeAdapter

from notifier.adapters.push import Push
from notifier.domain.dispatcher import NotificationDispatcher
from notifier.handlers.checkpoints import Checkpointer
from notifier.handlers.evidence import Evidence
from notifier.handlers.record import Recorder
from notifier.handlers.sealing import Sealer
from notifier.handlers.store import BatchStore
from notifier.main import Settings, build
from shared.db import Database
from shared.db.database import AnyConnection
from shared.db.provision import ServiceDatabase
from shared.events import Envelope
from shared.events.credit import CreditAdded
from shared.events.notifier import EXCHANGE, STORED, PushBatch, PushItem
from shared.http.auth import ServiceToken
from shared.messaging import Publisher
from shared.testing.deliveries import delivery_of, envelope_of, message_of
from shared.testing.identities import Issuer, KeyPair, auth_keys
from shared.testing.namespace import Namespace
from shared.testing.namespace import namespace as fresh_namespace
from shared.testing.servers import Servers
from shared.testing.waiting import until
from shared.testing.working import working
from shared.trail import Verdict, fingerprint, read_private_key, read_public_key, verify

CreditAdder = Callable[..., Envelope]
Store = Callable[[], BatchStore]
Fill = Callable[[str, int], Awaitable[list[Envelope]]]
Seal = Callable[[], Awaitable[None]]
Export = Callable[[str, UUID], Awaitable[list[bytes]]]


@pytest.fixture(scope="module")
async def corner(servers: Servers) -> AsyncIterator[Namespace]:
    """Of one module alone: no other's notifier consumes or seals here, and figures are of its own doing."""
    async with fresh_namespace(servers) as found:
        yield found


@pytest.fixture(scope="module")
async def database(corner: Namespace) -> ServiceDatabase:
    return await corner.database("notifier", "notifier.adapters.migrations")


@pytest.fixture(scope="module")
async def db(database: ServiceDatabase) -> AsyncIterator[Database]:
    """As the service's own role."""
    pool = Database(database.url, application="tests")
    await pool.connect()
    yield pool
    await pool.close()


@pytest.fixture(scope="module")
async def owner(database: ServiceDatabase) -> AsyncIterator[AnyConnection]:
    connection = await asyncpg.connect(database.migration_url)
    yield connection
    await connection.close()


@pytest.fixture
async def nothing_stated(db: Database) -> None:
    """Whatever the module's other tests had the ledger state is forgotten."""
    async with db.transaction() as tx:
        for table in ("coverage_hole", "coverage_statement", "coverage_kind"):
            await tx.execute(f"DELETE FROM {table}")  # noqa: S608  # As named above.
        await tx.execute("DELETE FROM coverage_ledger")
        await tx.execute("INSERT INTO coverage_ledger DEFAULT VALUES")


@pytest.fixture
def user_id() -> str:
    return f"user-{uuid4()}"


@pytest.fixture(scope="session")
def added() -> CreditAdder:
    """An event that is shown: a bonus."""

    def make(user_id: str, *, reason: str = "a bonus", version: int = 1, amount: int = 5_00) -> Envelope:
        event = CreditAdded(
            transfer_id=uuid4(),
            currency="USD",
            amount_minor=amount,
            balance_after=version * amount,
            held_after=0,
            version=version,
            source="bonus",
            reason=reason,
        )
        return envelope_of(event, user_id)

    return make


@pytest.fixture
def lane_store(db: Database) -> Store:
    """A lane's store whose publisher is never linked: for what happens in the database."""

    def make() -> BatchStore:
        push = Push(Publisher("amqp://nobody@127.0.0.1:1/", "tests"))
        return BatchStore(db, NotificationDispatcher(), push, "notifier.test", Recorder("test"))

    return make


@pytest.fixture
def fill(lane_store: Store, added: CreditAdder) -> Fill:
    """Gives a user so many notifications."""

    async def give(user_id: str, count: int) -> list[Envelope]:
        events = [added(user_id, version=n) for n in range(1, count + 1)]
        await lane_store().handle([delivery_of(event) for event in events])
        return events

    return give


@dataclass(frozen=True)
class Identities:
    """Who may call: users by the issuer's key, the gateway by its own."""

    issuer: Issuer
    gateway: KeyPair

    def keys(self) -> str:
        return auth_keys(self.issuer.key(), self.gateway.verifier("ws-gateway", ["service"]))

    def user(self, user_id: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token(user_id)}"}

    def service(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {ServiceToken('ws-gateway', self.gateway.private)()}"}


@pytest.fixture(scope="session")
def identities() -> Identities:
    return Identities(Issuer(KeyPair.generate()), KeyPair.generate())


@pytest.fixture
def me(identities: Identities, user_id: str) -> dict[str, str]:
    """The user's own headers."""
    return identities.user(user_id)


@pytest.fixture(scope="session")
def trail_key() -> KeyPair:
    return KeyPair.generate()


@pytest.fixture
def sealer(db: Database) -> Sealer:
    return Sealer(db)


@pytest.fixture
def seal(db: Database, sealer: Sealer, trail_key: KeyPair) -> Seal:
    """Everything that is there, under a checkpoint."""
    checkpointer = Checkpointer(db, sealer, read_private_key(trail_key.private), 0)

    async def run() -> None:
        while await sealer.seal_batch():
            pass
        await checkpointer.sign_if_due()

    return run


@pytest.fixture
def settle(owner: AnyConnection, sealer: Sealer) -> Seal:
    """Everything that is there is sealed, and known to be all."""

    async def run() -> None:
        newest = await owner.fetchval("SELECT max(id) FROM trail_entry")

        async def settled() -> bool:
            await sealer.seal_batch()
            return bool(sealer.settled == newest)

        await until(settled)

    return run


@pytest.fixture
def evidence_of(sealer: Sealer, trail_key: KeyPair) -> Callable[[Database], Evidence]:
    key = read_private_key(trail_key.private)
    signers = {fingerprint(key.public_key()): key.public_key()}
    return lambda db: Evidence(db, sealer, key, signers)


@pytest.fixture
def export(db: Database, evidence_of: Callable[[Database], Evidence]) -> Export:
    evidence = evidence_of(db)

    async def run(user_id: str, transfer_id: UUID) -> list[bytes]:
        return [line async for line in await evidence.lines(user_id, transfer_id)]

    return run


@pytest.fixture
def verdict(trail_key: KeyPair) -> Callable[[list[bytes]], Verdict]:
    key = read_public_key(trail_key.public)
    return lambda lines: verify(lines, key)


def transfer_of(event: Envelope) -> UUID:
    return UUID(str(event.event().transfer_id))  # type: ignore[attr-defined]  # They are all of money.


@pytest.fixture(scope="module")
def settings(
    corner: Namespace, database: ServiceDatabase, identities: Identities, trail_key: KeyPair
) -> Settings:
    return Settings(
        broker_url=corner.broker_url("notifier"),
        database_url=database.url,
        auth_keys=identities.keys(),
        trail_key=trail_key.private,
        checkpoint_seconds=0.2,
    )


@pytest.fixture(scope="module")
async def http(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The whole notifier, consumers included, and a client of its HTTP side."""
    app = build(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notifier") as client,
    ):
        await _until_ready(client)
        yield client


async def _until_ready(client: httpx.AsyncClient) -> None:
    async def ready() -> bool:
        return (await client.get("/readyz")).is_success

    await until(ready)


class Listener:
    """Collects what a gateway would hear."""

    def __init__(self, queue: aio_pika.abc.AbstractQueue) -> None:
        self._queue = queue
        self.items: list[PushItem] = []
        self._more = asyncio.Condition()

    async def listen(self) -> None:
        await self._queue.consume(self._take, no_ack=True)

    async def _take(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        async with self._more:
            self.items += TypeAdapter(PushBatch).validate_json(message.body).items
            self._more.notify_all()

    async def heard(self, user_id: str, at_least: int, kind: type[PushItem] | None = None) -> list[PushItem]:
        """Items about one user, once there are enough of them."""

        def about() -> list[PushItem]:
            return [
                item
                for item in self.items
                if item.user_id == user_id and (kind is None or isinstance(item, kind))
            ]

        async with asyncio.timeout(20), self._more:
            await self._more.wait_for(lambda: len(about()) >= at_least)
            return about()


@pytest.fixture(scope="module")
async def listener(corner: Namespace) -> AsyncIterator[Listener]:
    async with await aio_pika.connect(corner.admin_broker_url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(EXCHANGE, STORED)
        listening = Listener(queue)
        await listening.listen()
        yield listening


@pytest.fixture(scope="module")
async def publish(corner: Namespace) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """Publish envelopes as their services would."""
    publisher = Publisher(corner.admin_broker_url, "tests")

    async def send(*envelopes: Envelope) -> None:
        await publisher.linked.wait()
        receipt = await publisher.send_batch([message_of(envelope) for envelope in envelopes])
        assert receipt.confirmed == {str(envelope.id) for envelope in envelopes}

    async with working(publisher.run):
        yield send
