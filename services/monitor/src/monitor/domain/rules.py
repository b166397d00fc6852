"""The rules: each says what it needs to see around an observation, and whether that is unusual.

Windows are of the times at which things happened, and any window that holds the observation counts: events
that come late, or in another order, lead to the same verdict as soon as the last of them is there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import ClassVar

from monitor.domain.observation import Kind, Observation, SpentHour, hour_of
from monitor.domain.spans import in_words
from shared.money import Money

EVERYTHING = 2_000  # More of one user's verifications than any window holds.
HABIT_DAYS = 30
SETTLED = timedelta(minutes=1)  # After so long what happened before is heard, but for a fault.


@dataclass(frozen=True, slots=True)
class Look:
    """What a rule wants to see on either side of an observation, of each kind ``each_side`` of the nearest.

    Of debits those of this sum, or of this at most, in the observation's currency.
    """

    kinds: frozenset[Kind]
    each_side: int
    exactly_minor: int | None = None
    most_minor: int | None = None


@dataclass(frozen=True, kw_only=True)
class Rule(ABC):
    """``within`` is the window, and how long the same is not said again. ``score`` is above 0, 1 at most.

    One that does not ``alert`` is recorded for operations, and its user hears nothing.
    """

    TRIGGERS: ClassVar[frozenset[Kind]]

    name: str
    within: timedelta
    score: float
    alert: bool = False
    freeze_on_dispute: bool = False


@dataclass(frozen=True, kw_only=True)
class WindowRule(Rule):
    """A rule that looks at observations."""

    @abstractmethod
    def look(self, observed: Observation) -> Look | None:
        """What it needs to see; None: this observation is not its concern."""

    @abstractmethod
    def seen(self, observed: Observation, around: Sequence[Observation]) -> str | None:
        """What was seen, for the owner; None: nothing unusual.

        ``around`` is in the order of time, and holds the observation itself.
        """


@dataclass(frozen=True, kw_only=True)
class _Count(WindowRule):
    """So many within the window."""

    count: int

    def seen(self, observed: Observation, around: Sequence[Observation]) -> str | None:
        most = max(len(window) for window in windows(around, observed, self.within))
        return self._words(observed) if most >= self.count else None

    @abstractmethod
    def _words(self, observed: Observation) -> str: ...


@dataclass(frozen=True, kw_only=True)
class SmallDebits(_Count):
    """A stolen account is tried out with small sums. ``at_most`` is in minor units by currency."""

    TRIGGERS: ClassVar[frozenset[Kind]] = frozenset({Kind.SPENT})

    at_most: Mapping[str, int]

    def look(self, observed: Observation) -> Look | None:
        currency, amount = _money(observed)
        small = self.at_most.get(currency)
        if small is None or amount > small:
            return None
        return Look(self.TRIGGERS, self.count - 1, most_minor=small)

    def _words(self, observed: Observation) -> str:
        currency, _ = _money(observed)
        small = Money(self.at_most[currency], currency).display()
        return f"{self.count} debits of {small} or less within {in_words(self.within)}"


@dataclass(frozen=True, kw_only=True)
class SameAmount(_Count):
    TRIGGERS: ClassVar[frozenset[Kind]] = frozenset({Kind.SPENT})

    def look(self, observed: Observation) -> Look:
        _, amount = _money(observed)
        return Look(self.TRIGGERS, self.count - 1, exactly_minor=amount)

    def _words(self, observed: Observation) -> str:
        currency, amount = _money(observed)
        each = Money(amount, currency).display()
        return f"{self.count} debits of exactly {each} within {in_words(self.within)}"


@dataclass(frozen=True, kw_only=True)
class Refunds(_Count):
    """Refunds that somebody has asked for."""

    TRIGGERS: ClassVar[frozenset[Kind]] = frozenset({Kind.REFUND_ASKED})

    def look(self, observed: Observation) -> Look:  # noqa: ARG002  # Every one is its concern.
        return Look(self.TRIGGERS, self.count - 1)

    def _words(self, observed: Observation) -> str:  # noqa: ARG002  # As above.
        return f"{self.count} refunds asked for within {in_words(self.within)}"


@dataclass(frozen=True, kw_only=True)
class FailedPayments(_Count):
    """In a row: one that is completed begins anew."""

    TRIGGERS: ClassVar[frozenset[Kind]] = frozenset({Kind.PAYMENT_FAILED})

    def look(self, observed: Observation) -> Look:  # noqa: ARG002  # As above.
        return Look(self.TRIGGERS | {Kind.PAYMENT_COMPLETED}, self.count - 1)

    def seen(self, observed: Observation, around: Sequence[Observation]) -> str | None:
        return super().seen(observed, _row(around, observed))

    def _words(self, observed: Observation) -> str:  # noqa: ARG002  # As above.
        return f"{self.count} failed payments in a row within {in_words(self.within)}"


@dataclass(frozen=True, kw_only=True)
class FewCodes(WindowRule):
    """Of ``after`` numbers or more, less than ``below_percent`` got their code."""

    # A code, too: its number may be the one that makes enough of them.
    TRIGGERS: ClassVar[frozenset[Kind]] = frozenset({Kind.CODE_RECEIVED, Kind.NO_CODE})

    after: int
    below_percent: float

    def look(self, observed: Observation) -> Look:  # noqa: ARG002  # As above.
        return Look(self.TRIGGERS, EVERYTHING)

    def seen(self, observed: Observation, around: Sequence[Observation]) -> str | None:
        for window in windows(around, observed, self.within):
            codes = sum(each.kind is Kind.CODE_RECEIVED for each in window)
            if len(window) >= self.after and codes * 100 < self.below_percent * len(window):
                return f"Only {codes} of {len(window)} numbers got a code within {in_words(self.within)}"
        return None


@dataclass(frozen=True, kw_only=True)
class ActiveNumbers(WindowRule):
    """So many numbers at the same time. One that is older than the window is over, whatever was heard.

    At the limit a number follows at once on the end of another, and may be heard before it: one too many, and
    what is flagged stays flagged. So a moment is judged with what is heard that happened ``SETTLED`` later.
    """

    # An end, too: no number may come after the last that is one too many.
    TRIGGERS: ClassVar[frozenset[Kind]] = frozenset({Kind.NUMBER_ASSIGNED, Kind.CODE_RECEIVED, Kind.NO_CODE})

    count: int

    def look(self, observed: Observation) -> Look:  # noqa: ARG002  # As above.
        return Look(self.TRIGGERS, EVERYTHING)

    def seen(self, observed: Observation, around: Sequence[Observation]) -> str | None:
        ended = {each.subject: each.at for each in around if each.kind is not Kind.NUMBER_ASSIGNED}
        settled = around[-1].at - SETTLED
        active: list[Observation] = []
        for begun in around:
            now = begun.at
            if begun.kind is not Kind.NUMBER_ASSIGNED or now > settled:
                continue
            active = [
                each
                for each in (*active, begun)
                if now - each.at < self.within and (each.subject not in ended or ended[each.subject] > now)
            ]
            if len(active) >= self.count and observed.at - now < self.within:
                return f"{len(active)} numbers at the same time"
        return None


@dataclass(frozen=True, kw_only=True)
class AboveHabit(Rule):
    """More in an hour than ``times`` the median hour of the last 30 days in which anything was spent.

    Says nothing before there are ``after`` debits to know the habit by.
    """

    TRIGGERS: ClassVar[frozenset[Kind]] = frozenset({Kind.SPENT})

    times: float
    after: int

    def seen(self, observed: Observation, hours: Sequence[SpentHour]) -> str | None:
        """``hours`` are those of the 30 days up to the observation's own."""
        now = hour_of(observed.at)
        before = [each for each in hours if each.hour < now]
        spent = sum(each.minor for each in hours if each.hour == now)
        if sum(each.debits for each in before) < self.after:
            return None
        if spent <= self.times * median(each.minor for each in before):
            return None
        currency, _ = _money(observed)
        return f"{Money(spent, currency).display()} spent in an hour, over {self.times:g} times your usual"


def windows(
    around: Sequence[Observation], observed: Observation, within: timedelta
) -> Iterator[Sequence[Observation]]:
    """Each window of this length that holds the observation and ends with one of ``around``."""
    begin, place = 0, around.index(observed)
    for end in range(place, len(around)):
        if around[end].at - observed.at >= within:
            return
        while around[end].at - around[begin].at >= within:
            begin += 1
        yield around[begin : end + 1]


def _row(around: Sequence[Observation], observed: Observation) -> Sequence[Observation]:
    """The observation and what is of its kind on either side, without anything else between."""
    begin = end = around.index(observed)
    while begin > 0 and around[begin - 1].kind is observed.kind:
        begin -= 1
    while end + 1 < len(around) and around[end + 1].kind is observed.kind:
        end += 1
    return around[begin : end + 1]


def _money(observed: Observation) -> tuple[str, int]:
    assert observed.currency is not None
    assert observed.amount_minor is not None
    return observed.currency, observed.amount_minor
