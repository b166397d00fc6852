"""Statements of the ledger and their SQL: numbered, made once, and read again as often as asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from shared.db import Transaction
from shared.events.coverage import Era, StatedTransfer, Statement
from shared.outbox import OUTBOX_COLUMNS, OutboxTransaction

if TYPE_CHECKING:
    from asyncpg import Record

MAX_TRANSFERS = 1000  # All of its last transaction besides.
AT_MOST = 20
MAX_ERAS = 20  # Told with each: so many may begin while nobody hears.

# A restore goes back to numbers that were told already, and the data itself does not show it. So an era
# begins with what comes with a restore of each kind: another start of the server (a copy of its disk),
# another timeline (a point in time, a standby), other files (a dump). Where nothing was restored, one does no
# harm.
_BEGIN_ERA = """
    INSERT INTO statement_era (began, first_number, server)
    SELECT greatest(clock_timestamp(), last.began + interval '1 microsecond'),
        (SELECT max(number) + 1 FROM statement), here.server
    FROM (
        SELECT concat_ws(
            ' ', extract(epoch FROM pg_postmaster_start_time()),
            left(pg_walfile_name(pg_current_wal_lsn()), 8), pg_relation_filepath('statement')
        ) AS server
    ) AS here LEFT JOIN (SELECT * FROM statement_era ORDER BY began DESC LIMIT 1) AS last ON true
    WHERE here.server IS DISTINCT FROM last.server
"""
# Only what nothing can commit before any more: below the oldest transaction that is still open. All of it is
# visible to the snapshot that says so.
_MAKE = """
    WITH last AS (SELECT * FROM statement ORDER BY number DESC LIMIT 1), due AS (
        SELECT xid FROM transfer
        WHERE xid > (SELECT through FROM last) AND xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY xid LIMIT $1
    ), stated AS (
        SELECT (SELECT count(*) FROM due) AS transfers,
            coalesce((SELECT xid FROM due ORDER BY xid DESC LIMIT 1), through) AS through
        FROM last
    )
    INSERT INTO statement (number, through, at)
    SELECT last.number + 1, stated.through, coalesce(
        (SELECT created_at FROM transfer WHERE xid > stated.through ORDER BY xid LIMIT 1), now()
    )
    FROM last, stated
    WHERE stated.transfers > 0 OR last.at < now() - make_interval(secs => $2)
    RETURNING (SELECT transfers FROM stated)
"""
_UNTOLD = """
    SELECT number, at FROM statement WHERE told_at IS NULL ORDER BY number LIMIT $1 FOR UPDATE SKIP LOCKED
"""
_ERAS = "SELECT began, first_number FROM statement_era ORDER BY began DESC LIMIT $1"
_STATED = """
    SELECT t.id, t.event_id, coalesce(t.source, t.kind) AS kind, t.user_id,
        CASE t.kind WHEN 'addition' THEN t.amount_minor ELSE -t.amount_minor END AS amount_minor,
        t.currency, t.created_at
    FROM transfer t
    WHERE t.xid > (SELECT through FROM statement WHERE number = $1 - 1)
        AND t.xid <= (SELECT through FROM statement WHERE number = $1)
    ORDER BY t.xid, t.id
"""
# As booking it had said it, and at the time it had: both are the transfer's own.
_AGAIN = f"""
    INSERT INTO outbox (id, type, user_id, occurred_at, data)
    SELECT t.event_id, CASE t.kind WHEN 'addition' THEN 'credit.added.v1' ELSE 'credit.deducted.v1' END,
        t.user_id, t.created_at, CASE t.kind WHEN 'addition' THEN added(t) ELSE deducted(t) END
    FROM transfer t WHERE t.id = ANY($1::uuid[]) AND t.event_id IS NOT NULL
    ON CONFLICT (id) DO NOTHING RETURNING {OUTBOX_COLUMNS}
"""  # noqa: S608  # The columns are our own constant.


class TransactionsBeganAnew(Exception):
    """Transaction numbers are lower than those stated: the database was restored from a dump."""


async def make(tx: Transaction, quiet_seconds: float) -> int | None:
    """State what has been committed since the last one; how many transfers, at least.

    None: there are none, and the last statement is younger than ``quiet_seconds``; or another is at it.

    Raises TransactionsBeganAnew: what is committed now would never be stated.
    """
    row = await tx.fetchrow(
        """
        SELECT pg_try_advisory_xact_lock(hashtextextended('statement', 0)) AS mine,
            pg_snapshot_xmax(pg_current_snapshot()) <= through AS anew
        FROM statement ORDER BY number DESC LIMIT 1
        """
    )
    if row is None or not row["mine"]:
        return None
    if row["anew"]:
        raise TransactionsBeganAnew("see docs/operations.md, on restoring credit's database")
    await tx.execute(_BEGIN_ERA)
    made = await tx.fetchrow(_MAKE, MAX_TRANSFERS, quiet_seconds)
    return None if made is None else int(made["transfers"])


async def lock_untold(tx: Transaction) -> list[Statement]:
    """Those to be published, the oldest first, locked until the transaction ends."""
    eras = [Era(*row.values()) for row in await tx.fetch(_ERAS, MAX_ERAS)]
    return [
        Statement(number=row["number"], at=row["at"], eras=eras, transfers=await _stated(tx, row["number"]))
        for row in await tx.fetch(_UNTOLD, AT_MOST)
    ]


async def _stated(tx: Transaction, number: int) -> list[StatedTransfer]:
    return [_transfer(row) for row in await tx.fetch(_STATED, number)]


def _transfer(row: Record) -> StatedTransfer:
    return StatedTransfer(*row.values())


async def mark_told(tx: Transaction, numbers: Sequence[int]) -> None:
    await tx.execute("UPDATE statement SET told_at = now() WHERE number = ANY($1)", list(numbers))


async def tell_again(tx: Transaction, numbers: Sequence[int]) -> None:
    """Those of them that exist are to be published once more."""
    await tx.execute(
        "UPDATE statement SET told_at = NULL WHERE number = ANY($1) AND number > 0", list(numbers)
    )


async def publish_again(tx: OutboxTransaction, transfer_ids: Sequence[UUID]) -> None:
    """Publish the events of transfers again, each as it was; a transfer that is not known has none."""
    tx.written += await tx.fetch(_AGAIN, list(transfer_ids))
