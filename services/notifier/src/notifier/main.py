"""The notifier, put together: consumers that store and tell, and the HTTP side that reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated

from fastapi import FastAPI
from pydantic import Field

from notifier.adapters.push import Push
from notifier.api.coverage import coverage_routes
from notifier.api.evidence import evidence
from notifier.api.internal import internal
from notifier.api.notifications import notifications
from notifier.api.rebuild import rebuild
from notifier.api.streams import stream
from notifier.consumers.coverage import consume_statements
from notifier.consumers.lanes import consume_lanes, consume_parked, consume_recap, require_consuming
from notifier.consumers.receipts import consume_receipts
from notifier.domain.dispatcher import NotificationDispatcher
from notifier.handlers.audit import Audit, Auditor
from notifier.handlers.checkpoints import Checkpointer
from notifier.handlers.coverage import StatementStore
from notifier.handlers.evidence import Evidence, NoTrail
from notifier.handlers.letters import park, tell_discarded
from notifier.handlers.reads import UnknownNotification
from notifier.handlers.rebuild import Rebuilder
from notifier.handlers.receipts import ReceiptStore
from notifier.handlers.reconciler import HOLE_SECONDS, Reconciler
from notifier.handlers.record import Recorder
from notifier.handlers.recovery import Recovery
from notifier.handlers.sealing import Sealer
from notifier.handlers.store import BatchStore
from notifier.handlers.vitals import reading
from shared.db import Database
from shared.events import Lane
from shared.events.coverage import EXCHANGE as COVERAGE
from shared.events.notifier import EXCHANGE
from shared.http import Keyring, Workers, create_app, once, serve
from shared.http.auth import WeakKey
from shared.http.dead_letters import dead_letters
from shared.inbox import DeadLetters, ParkedStore, RecapStore
from shared.messaging import Publisher
from shared.messaging.connection import keep_checking
from shared.messaging.topology import (
    dead_queue,
    lane_queue,
    parked_queue,
    recap_queue,
    receipts_queue,
    statements_queue,
)
from shared.messaging.vitals import Vitals
from shared.messaging.watch import DeadWatch
from shared.pages import InvalidCursor as InvalidPage
from shared.settings import DatabaseSettings
from shared.streams import InvalidCursor
from shared.trail import NoKey, fingerprint, read_private_key, read_public_key
from shared.trail.keys import PrivateKey, PublicKey

SERVICE = "notifier"
PARKED, RECAP = parked_queue(SERVICE), recap_queue(SERVICE)
RECEIPTS, STATEMENTS = receipts_queue(), statements_queue()
QUEUES = (*(lane_queue(lane) for lane in Lane), RECEIPTS, STATEMENTS, RECAP, PARKED, dead_queue(SERVICE))
EXCHANGES = (EXCHANGE, COVERAGE)
DRAIN_SECONDS = 3.0
MAX_BODY_BYTES = 4 * 1024 * 1024  # Ten thousand of the longest user ids, for whom heads are asked.


class Settings(DatabaseSettings):
    """``coverage_hole_seconds``: a transfer not shown for so long raises the alert and is repaired.

    ``trail_key`` is the Ed25519 private key that signs checkpoints and evidence. Of those before it,
    ``trail_former_keys`` has the public ones, in base64 and separated by commas.
    """

    trail_key: str = Field(repr=False)
    trail_former_keys: str = ""
    checkpoint_seconds: Annotated[float, Field(gt=0)] = 60
    coverage_hole_seconds: Annotated[float, Field(gt=0)] = HOLE_SECONDS


def build(settings: Settings, dispatcher: NotificationDispatcher | None = None) -> FastAPI:
    """The app. Its lifespan starts what works in the background, whether or not the servers are there yet.

    Raises WeakKey where the trail's key cannot be read.
    """
    trail_key = _trail_key(settings.trail_key)
    former = _former_keys(settings.trail_former_keys)
    db = Database(settings.database_url, application=SERVICE, pool_size=settings.database_pool_size)
    publisher = Publisher(settings.broker_url, f"{SERVICE}.publish")
    push = Push(publisher)
    dispatcher = dispatcher or NotificationDispatcher()
    stores = {lane: BatchStore(db, dispatcher, push, lane_queue(lane), Recorder(lane.value)) for lane in Lane}
    recovery = BatchStore(db, dispatcher, push, PARKED, Recorder("parked"))
    receipts = ReceiptStore(db, RECEIPTS)
    retry = ParkedStore(db.transaction, Recovery(recovery, receipts), PARKED, park)
    lanes = consume_lanes(settings.broker_url, stores)
    parked = consume_parked(settings.broker_url, recovery, retry)
    receiving = consume_receipts(settings.broker_url, receipts)
    missed = BatchStore(db, dispatcher, push, RECAP, Recorder("recap"))
    recap = consume_recap(settings.broker_url, missed, RecapStore(db.autocommit, missed, RECAP))
    preflight = partial(keep_checking, settings.broker_url, SERVICE, exchanges=EXCHANGES, queues=QUEUES)
    statements = consume_statements(settings.broker_url, StatementStore(db), db.probe, lanes)
    reconciler = Reconciler(db, publisher, hole_seconds=settings.coverage_hole_seconds)
    watch = DeadWatch(settings.broker_url, SERVICE)
    letters = DeadLetters(db.transaction, retry, watch, tell_discarded, park)
    sealer = Sealer(db)
    checkpointer = Checkpointer(db, sealer, trail_key, settings.checkpoint_seconds)
    signers = {fingerprint(key): key for key in (trail_key.public_key(), *former)}
    audit = Audit(db, sealer, signers)
    auditor = Auditor(audit)
    looked_at = (*map(lane_queue, Lane), dead_queue(SERVICE))
    vitals = Vitals(
        settings.broker_url, SERVICE, read=partial(reading, lanes), queues=looked_at, parked=letters.waiting
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        consuming, supporting = Workers(), Workers()
        await db.connect()
        supporting.start("publisher", publisher.run)
        supporting.start("preflight", preflight)
        supporting.start("watch", watch.run)
        supporting.start("sealer", sealer.run)
        supporting.start("checkpoints", checkpointer.run)
        supporting.start("auditor", auditor.run)
        supporting.start("vitals", vitals.run)
        for lane, consumer in lanes.items():
            consuming.start(f"consumer.{lane}", consumer.run)
        consuming.start("consumer.receipts", receiving.run)
        consuming.start("consumer.parked", parked.run)
        consuming.start("consumer.recap", recap.run)
        consuming.start("consumer.coverage", statements.run)
        consuming.start("reconciler", reconciler.run)
        try:
            yield
        finally:
            # Consumers first: each finishes its batch, and what it stored is told before the rest ends.
            await consuming.stop()
            await push.drain(DRAIN_SECONDS)
            await supporting.stop()
            await db.close()

    async def all_lanes() -> None:
        require_consuming(lanes)

    return create_app(
        "Ledgerbell notifier",
        keyring=Keyring.from_json(settings.auth_keys),
        routers=[
            notifications(db, push),
            stream(db),
            internal(db),
            evidence(db, Evidence(db, sealer, trail_key, signers), audit, trail_key.public_key()),
            coverage_routes(db),
            rebuild(Rebuilder(db, dispatcher, push)),
            dead_letters(SERVICE, letters),
        ],
        lifespan=lifespan,
        problems={
            UnknownNotification: (404, "not_found"),
            NoTrail: (404, "not_found"),
            InvalidCursor: (422, "invalid_cursor"),
            InvalidPage: (422, "invalid_cursor"),
        },
        ready={"database": db.probe, "consumers": once(all_lanes)},
        max_body_bytes=MAX_BODY_BYTES,
    )


def _trail_key(text: str) -> PrivateKey:
    try:
        return read_private_key(text)
    except NoKey as no:
        raise WeakKey(f"LEDGERBELL_TRAIL_KEY: {no}") from None


def _former_keys(text: str) -> list[PublicKey]:
    try:
        return [read_public_key(each) for each in text.split(",") if each.strip()]
    except NoKey as no:
        raise WeakKey(f"LEDGERBELL_TRAIL_FORMER_KEYS: {no}") from None


def main() -> None:
    serve(build, SERVICE, Settings)
