"""Signs, at an interval, how all chains that grew since the last time stand."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from prometheus_client import Gauge

from notifier.adapters import seals
from notifier.handlers.sealing import Sealer
from shared.db import Database
from shared.db.sweep import sweep
from shared.observability.logs import get_logger
from shared.trail import START, Checkpoint, fingerprint, moment, root
from shared.trail.keys import PrivateKey

log = get_logger(__name__)

SIGNED = Gauge("trail_checkpoint_number", "The newest checkpoint that was signed here.")


class Checkpointer:
    """Several may run: the interval is counted from the last checkpoint, whoever signed it."""

    SEALS_AT_MOST = 100_000  # So many at once are not held up by the interval.

    def __init__(self, db: Database, sealer: Sealer, key: PrivateKey, every_seconds: float) -> None:
        self._db = db
        self._sealer = sealer
        self._key = key
        self._fingerprint = fingerprint(key.public_key())
        self._every = timedelta(seconds=every_seconds)
        self._newest: Checkpoint | None = None

    async def run(self) -> None:
        await sweep(
            self.sign_if_due,
            size=1,
            every_seconds=self._every.total_seconds() / 4,
            failed="trail.not_signed",
        )

    async def sign_if_due(self) -> int:
        """Returns how many checkpoints were signed: one or none."""
        async with self._db.transaction() as tx:
            await seals.wait(tx)
            last = await seals.last_checkpoint(tx)
            before = self._before(None if last is None else seals.signed_of(last).checkpoint)
            after = 0 if last is None else last["up_to"]
            pending = await seals.pending(tx, after, self.SEALS_AT_MOST)
            if pending["up_to"] is None:
                return 0
            is_early = last is not None and pending["now"] - last["at"] < self._every
            if is_early and pending["seals"] < self.SEALS_AT_MOST:
                return 0
            heads = await seals.heads(tx, after, pending["up_to"])
            settled = await seals.settled(tx)
            if pending["seals"] < self.SEALS_AT_MOST:  # Else what is settled may be under the next alone.
                settled = max(settled, self._sealer.settled or 0)
            # There may be thousands, and others have the loop meanwhile.
            top = await asyncio.to_thread(lambda: root([head.leaf() for head in heads]))
            checkpoint = Checkpoint(
                number=1 if before is None else before.number + 1,
                at=moment(pending["now"]),
                previous=START if before is None else before.digest(),
                leaves=len(heads),
                root=top,
            )
            await seals.sign(
                tx,
                checkpoint.number,
                pending["now"],
                checkpoint.previous,
                checkpoint.leaves,
                checkpoint.root,
                self._fingerprint,
                checkpoint.sign(self._key),
                after,
                pending["up_to"],
                settled,
            )
        self._newest = checkpoint
        SIGNED.set(checkpoint.number)
        log.info(
            "trail.signed", number=checkpoint.number, root=checkpoint.root.hex(), leaves=checkpoint.leaves
        )
        return 1

    def _before(self, last: Checkpoint | None) -> Checkpoint | None:
        """What the next one names: the newest that was seen here. If that is gone, its number stays open."""
        newest = self._newest
        if newest is None or (last is not None and (last == newest or last.number > newest.number)):
            self._newest = last
        else:
            log.critical("trail.checkpoint_gone", number=newest.number, root=newest.root.hex())
        return self._newest
