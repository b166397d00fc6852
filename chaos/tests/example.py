"""A small world in which all goes well, for tests to break in one place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from uuid import UUID

from chaos.final import (
    Account,
    Answer,
    Audit,
    Coverage,
    Entry,
    Final,
    Hold,
    Link,
    Notification,
    Payment,
    Refund,
    Refundable,
    Resources,
    Stream,
    Transfer,
    Verification,
)
from chaos.history import Record, Type
from chaos.verdict import Verdict, judge
from shared.money import Money
from shared.trail import START, link
from shared.trail import Entry as TrailEntry

PEACE = Resources(
    sessions={"credit": 3, "notifier": 4},
    idle_in_transaction={"credit": 0, "notifier": 0},
    channels={"credit": 5, "notifier": 5},
    memory={"credit": 90 << 20, "notifier": 95 << 20},
)


AT = "2026-01-01T00:00:00.000000Z"


@dataclass
class World:
    """Grows by what users do; every list of it may be broken before it is judged."""

    records: list[Record] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    verifications: list[Verification] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    refundables: list[Refundable] = field(default_factory=list)
    accounts: dict[str, Account] = field(default_factory=dict)
    balances: dict[str, Account] = field(default_factory=dict)
    left: dict[str, Any] = field(default_factory=dict)
    resources: Resources = PEACE
    tabs: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    had: dict[str, int] = field(default_factory=dict)  # By the tab's session when it began.
    trail: list[TrailEntry] = field(default_factory=list)
    chains: tuple[Link, ...] | None = None  # Instead of what should be there; and so the next.
    coverage: Coverage | None = None
    silent: list[str] = field(default_factory=list)  # Events that came, of which nothing is shown.
    audit: Audit | None = None
    reads: Counter[str] = field(default_factory=Counter)
    clock: float = 0
    _ids: count[int] = field(default_factory=lambda: count(1))

    # -------------------------------------------------------------- what is seen

    def say(self, process: str, f: str, type_: Type, key: str = "", **value: Any) -> None:
        self.clock += 0.01
        self.records.append(Record(round(self.clock, 2), process, f, type_, key, value))

    def phase(self, name: str) -> None:
        self.say("run", "phase", "info", name)

    def id(self) -> str:
        return str(UUID(int=next(self._ids)))

    def acknowledge(self, tab: str) -> None:
        """All that there is."""
        user = self.tabs[tab]
        self.say(tab, "acknowledged", "info", user, seq=self.newest(user))
        detail: dict[str, str | int] = {"session": self.sessions[tab]}
        if self.had[tab]:
            detail["sent_from"] = self.had[tab] + 1
        self.trail.append(
            TrailEntry(user, None, "acknowledged", AT, epoch=1, seq=1, up_to=self.newest(user), detail=detail)
        )

    def connect(self, tab: str, user: str, resume: str = "ok", *, since: int = 0) -> None:
        """And is sent what came after ``since``."""
        self.tabs[tab] = user
        self.sessions[tab], self.had[tab] = self.id(), since
        self.say(tab, "connected", "info", user, resume=resume, session=self.sessions[tab])
        for notification in self.notifications:
            if notification.user == user and notification.seq > since and resume == "ok":
                self.say(tab, "frame", "info", user, **self._frame(notification))
        newest = self.newest(user)
        balances = [_shown(self.balances[user])] if user in self.balances else []
        told = {"as_of": f"1:{newest}", "rev": newest, "unread": newest, "balances": balances}
        self.say(tab, "frame", "info", user, type="live", read_seq=0, **told)

    def disconnect(self, tab: str, type_: Type = "info", *, code: int = 1006) -> None:
        self.say(tab, "closed", type_, self.tabs.pop(tab), code=code)

    def newest(self, user: str) -> int:
        return max((each.seq for each in self.notifications if each.user == user), default=0)

    # -------------------------------------------------------------- what is done

    def operate(self, f: str, user: str, amount: int, **made: str) -> str:
        """One that was ok; returns its key."""
        key = self.id()
        asked = {"user": user, "amount": Money(amount, "USD").amount, "currency": "USD", "via": "credit"}
        self.say(user, f, "invoke", key, **asked)
        self.say(user, f, "ok", key, **asked, **made, status=201, seconds=0.005, body=dict(made))
        return key

    def book(
        self, user: str, change: int, source: str | None = None, *, of: str = "", hold: str | None = None
    ) -> str:
        """A transfer with its entries, on the account and told of; ``of``: what it is booked as."""
        known = self.accounts.get(user, Account(user, "USD", 0, 0, 0))
        after = replace(known, posted=known.posted + change, version=known.version + 1)
        self.accounts[user] = self.balances[user] = after
        kind = "deduction" if change < 0 else "addition"
        id_ = of or self.id()
        self.transfers.append(
            Transfer(id_, user, kind, source, abs(change), "USD", after.version, after.posted, hold)
        )
        self.entries += [Entry(id_, user, "USD", change), Entry(id_, None, "USD", -change)]
        for tab, owner in self.tabs.items():
            if owner == user:
                self.say(tab, "frame", "info", user, type="balance", **_shown(after))
        return id_

    def notify(self, user: str, kind: str, link: str, transfer: str | None = None) -> None:
        """Stored, and shown on every tab that is there."""
        seq, words = self.newest(user) + 1, f"for canary-{user}."
        notification = Notification(user, seq, self.id(), kind, link, words, transfer)
        self.notifications.append(notification)
        for tab, owner in self.tabs.items():
            if owner == user:
                self.say(tab, "frame", "info", user, **self._frame(notification))

    def suppress(self, user: str) -> None:
        self.silent.append(self.id())
        self.trail.append(TrailEntry(user, None, "suppressed", AT, UUID(self.silent[-1])))

    def read(self, user: str, seq: int, up_to: int | None = None) -> None:
        """After all that is notified: this one, or all from it."""
        places = range(seq, (up_to or seq) + 1)
        self.notifications = [
            replace(each, read=each.read or (each.user == user and each.seq in places))
            for each in self.notifications
        ]
        self.reads[user] += 1
        self.trail.append(TrailEntry(user, None, "read", AT, epoch=1, seq=seq, up_to=up_to))
        counts = {"rev": self.newest(user) + self.reads[user], "unread": self.unread(user)}
        for tab, owner in self.tabs.items():
            if owner == user:
                self.say(tab, "frame", "info", user, type="read", **counts)

    def unread(self, user: str) -> int:
        return sum(each.user == user and not each.read for each in self.notifications)

    def add(self, user: str, amount: int) -> str:
        transfer = self.book(user, amount, "manual")
        self.notify(user, "credit.added", "/history", transfer)
        return self.answered("credit", user, amount, transfer)

    def debit(self, user: str, amount: int) -> str:
        transfer = self.book(user, -amount)
        self.notify(user, "credit.deducted", "/history", transfer)
        return self.answered("debit", user, amount, transfer)

    def pay(self, user: str, amount: int) -> str:
        id_ = self.id()
        self.operate("pay", user, amount, payment_id=id_)
        self.notify(user, "payment.initiated", f"/payments/{id_}")
        transfer = self.book(user, amount, "payment")
        self.payments.append(Payment(id_, user, amount, "completed", f"P-{id_}", transfer, paid=True))
        self.refundables.append(Refundable(id_, user, amount, 0))
        self.notify(user, "payment.completed", f"/payments/{id_}", transfer)
        return id_

    def verify(self, user: str, price: int, state: str) -> str:
        """Completed, or timed out, and then refunded."""
        id_, hold = self.id(), self.id()
        self.operate("verify", user, price, verification_id=id_)
        self.notify(user, "verification.initiated", f"/verifications/{id_}")
        self.holds.append(Hold(hold, user, "USD", price, "posted"))
        transfer = self.book(user, -price, hold=hold)
        self.verifications.append(Verification(id_, user, price, state, transfer, hold))
        self.notify(user, "credit.deducted", f"/verifications/{id_}", transfer)
        self.refundables.append(Refundable(id_, user, price, 0))
        if state == "completed":
            self.notify(user, "verification.code_received", f"/verifications/{id_}")
        if state == "timed_out":
            self.refund(user, id_, price, auto=True)
        return id_

    def refund(self, user: str, of: str, amount: int, *, auto: bool = False) -> str:
        """Completed, to the balance."""
        id_, link = self.id(), f"/verifications/{of}"
        transfer = self.book(user, amount, "refund")
        self.refunds.append(Refund(id_, user, of, "credit", auto, amount, "completed", True, transfer))
        self.refundables = [
            replace(each, reserved=each.reserved + amount) if each.id == of else each
            for each in self.refundables
        ]
        if not auto:
            self.operate("refund", user, amount, refund_id=id_)
            link = f"/refunds/{id_}"
            self.notify(user, "refund.initiated", link)
            self.notify(user, "refund.processing", link)
        self.notify(user, "refund.completed", link, transfer)
        return id_

    def answered(self, f: str, user: str, amount: int, transfer: str) -> str:
        key = self.operate(f, user, amount, transfer_id=transfer)
        self.answers.append(Answer(key, 201, transfer))
        return key

    def _frame(self, notification: Notification) -> dict[str, Any]:
        told = {"seq": notification.seq, "id": notification.id, "kind": notification.kind}
        counts = {"rev": notification.seq, "unread": notification.seq}
        return {"type": "notification", **told, **counts, "text": notification.text}

    # -------------------------------------------------------------- what is left

    @property
    def final(self) -> Final:
        newest = {user: self.newest(user) for user in sorted({each.user for each in self.notifications})}
        trail = self._sealed() if self.chains is None else self.chains
        return Final(
            accounts=tuple(self.accounts.values()),
            transfers=tuple(self.transfers),
            entries=tuple(self.entries),
            holds=tuple(self.holds),
            answers=tuple(self.answers),
            streams=tuple(
                Stream(user, 1, last, self.unread(user), last + self.reads[user])
                for user, last in newest.items()
            ),
            notifications=tuple(self.notifications),
            balances=tuple(self.balances.values()),
            coverage=self.coverage or Coverage(len(self.transfers), 0, 0),
            came=(*(each.id for each in self.notifications), *self.silent),
            trail=trail,
            audit=self.audit or Audit((), seals=len(trail), checkpoints=1),
            payments=tuple(self.payments),
            verifications=tuple(self.verifications),
            refunds=tuple(self.refunds),
            refundables=tuple(self.refundables),
            resources=self.resources,
            **self.left,
        )

    def _sealed(self) -> tuple[Link, ...]:
        """What was stored, that all of it was pushed, and what was acknowledged; each user's in a chain."""
        users = sorted({each.user for each in self.notifications})
        entries = [
            TrailEntry(each.user, None, "stored", AT, UUID(each.id), epoch=1, seq=each.seq)
            for each in self.notifications
        ]
        entries += [
            TrailEntry(user, None, "pushed", AT, epoch=1, seq=1, up_to=self.newest(user)) for user in users
        ]
        return seal([*entries, *self.trail])

    def end(self) -> None:
        for phase in ("heal", "drained", "read"):
            self.phase(phase)
        for tab in list(self.tabs):
            self.disconnect(tab, "ok")

    @property
    def verdict(self) -> Verdict:
        return judge(self.records, self.final)

    @property
    def counts(self) -> dict[str, int]:
        """What was found, by what it counts as."""
        found: Counter[str] = Counter()
        for finding in self.verdict.findings:
            found[finding.kind] += finding.count
        return dict(found)


def seal(entries: Sequence[TrailEntry]) -> tuple[Link, ...]:
    """Each gets the next place of its user's."""
    heads: dict[str, tuple[int, bytes]] = {}
    links = []
    for entry in entries:
        place, head = heads.get(entry.user_id, (0, START))
        placed = replace(entry, place=place + 1)
        heads[entry.user_id] = (place + 1, link(head, placed.digest()))
        links.append(Link(placed, heads[entry.user_id][1]))
    return tuple(links)


def _shown(balance: Account) -> dict[str, Any]:
    posted, held = (Money(minor, "USD").amount for minor in (balance.posted, balance.held))
    return {"currency": "USD", "posted": posted, "held": held, "version": balance.version}
