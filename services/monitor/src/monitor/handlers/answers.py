"""What the owner says to a flag: this was me, or not me; and not me is the last word.

Whoever has taken an account over would confirm at once; that must not keep its owner from disputing.
"""

from __future__ import annotations

from uuid import UUID

from prometheus_client import Counter

from monitor.adapters import flags
from monitor.domain.flag import Disputed, Flag, State, UnknownFlag
from shared.events.activity import ActivityConfirmed, ActivityDisputed
from shared.outbox import OutboxTransaction

ANSWERS = Counter("monitor_answers_total", "Flags that were answered, by the answer.", ["answer"])


async def confirm_activity(tx: OutboxTransaction, flag_id: UUID, *, caller: str) -> Flag:
    """Asked again it answers the same. Raises UnknownFlag or Disputed."""
    flag = await _lock(tx, flag_id, caller)
    if flag.state is State.OPEN:
        flag = await flags.answer(tx, flag_id, State.CONFIRMED)
        await tx.publish(caller, ActivityConfirmed(flag_id=flag_id))
        ANSWERS.labels("confirmed").inc()
    elif flag.state is State.DISPUTED:
        raise Disputed(flag)
    return flag


async def dispute_activity(tx: OutboxTransaction, flag_id: UUID, *, caller: str) -> Flag:
    """Also after it was confirmed; asked again it answers the same. Raises UnknownFlag."""
    flag = await _lock(tx, flag_id, caller)
    if flag.state is not State.DISPUTED:
        flag = await flags.answer(tx, flag_id, State.DISPUTED)
        await tx.publish(caller, ActivityDisputed(flag_id=flag_id, freeze=flag.freezes))
        ANSWERS.labels("disputed").inc()
    return flag


async def _lock(tx: OutboxTransaction, flag_id: UUID, caller: str) -> Flag:
    """Only the owner answers; an operator who could would speak for them."""
    flag = await flags.lock(tx, flag_id)
    if flag is None or flag.user_id != caller or flag.state is State.LOGGED:
        raise UnknownFlag
    return flag
