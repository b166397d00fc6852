"""An observation is kept, judged by every rule that it concerns, and flagged where one is met."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Counter
from uuid_utils.compat import uuid7

from monitor.adapters import flags, windows
from monitor.domain.flag import Flag, Hit, State, worst
from monitor.domain.observation import Kind, Observation
from monitor.domain.rules import AboveHabit, Rule, WindowRule
from shared.events.activity import ActivityFlagged
from shared.observability.logs import get_logger
from shared.outbox import OutboxTransaction

log = get_logger(__name__)

HITS = Counter("monitor_hits_total", "Rules that were met, once in each window.", ["rule", "alerting"])


async def observe(tx: OutboxTransaction, rules: Sequence[Rule], observed: Observation) -> None:
    """Whatever replica does it, and however often: a fact counts once, and is judged with all before it."""
    await windows.lock_user(tx, observed.user_id)
    if not await windows.add(tx, observed):
        return
    if observed.kind is Kind.SPENT:
        await windows.add_spent(tx, observed)
    met = [hit for rule in rules if (hit := await _judge(tx, rule, observed))]
    for alerting in (True, False):
        await _flag(tx, observed, [hit for hit in met if hit.rule.alert is alerting])


async def _judge(tx: OutboxTransaction, rule: Rule, observed: Observation) -> Hit | None:
    if observed.kind not in rule.TRIGGERS:
        return None
    seen = None
    if isinstance(rule, AboveHabit):
        seen = rule.seen(observed, await windows.hours(tx, observed))
    elif isinstance(rule, WindowRule) and (look := rule.look(observed)) is not None:
        seen = rule.seen(observed, await windows.around(tx, observed, look, rule.within))
    return Hit(rule, seen) if seen is not None else None


async def _flag(tx: OutboxTransaction, observed: Observation, met: Sequence[Hit]) -> None:
    """One flag for all that the event has met, and that was not told of before."""
    id_ = uuid7()
    fresh = [hit for hit in met if await flags.claim(tx, id_, observed.user_id, hit.rule, observed.at)]
    if not fresh:
        return
    head = worst(fresh)
    flag = Flag(
        id=id_,
        user_id=observed.user_id,
        rules=[hit.rule.name for hit in fresh],
        score=head.rule.score,
        seen=head.seen,
        freezes=any(hit.rule.freeze_on_dispute for hit in fresh),
        state=State.OPEN if head.rule.alert else State.LOGGED,
        occurred_at=observed.at,
        answered_at=None,
    )
    await flags.insert(tx, flag)
    for hit in fresh:
        HITS.labels(hit.rule.name, str(hit.rule.alert).lower()).inc()
    log.warning("activity.unusual", flag_id=str(id_), rules=flag.rules, score=flag.score, state=flag.state)
    if flag.state is State.OPEN:
        flagged = ActivityFlagged(flag_id=id_, seen=flag.seen, rules=tuple(flag.rules), score=flag.score)
        await tx.publish(observed.user_id, flagged)
