"""A ticket opens one socket, of whom it was issued to, for half a minute."""

from __future__ import annotations

import pytest

from shared.http.auth import Identity, WeakKey
from ws_gateway.adapters.tickets import REMEMBERED_SECONDS, TICKET_SECONDS, InvalidTicket, Ticket, Tickets

SECRET = "a secret of at least thirty-two bytes"
ANNA = Identity("anna", frozenset({"user", "operator"}), 2_000_000_000)


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tickets(clock: Clock) -> Tickets:
    return Tickets(SECRET, clock)


def test_it_says_whose_it_is_until_when_and_what_they_may(tickets: Tickets) -> None:
    assert tickets.redeem(tickets.issue(ANNA)) == Ticket(
        "anna", 2_000_000_000, frozenset({"user", "operator"})
    )


def test_it_is_good_for_half_a_minute(tickets: Tickets, clock: Clock) -> None:
    early, late = tickets.issue(ANNA), tickets.issue(ANNA)

    clock.now += TICKET_SECONDS - 0.1
    assert tickets.redeem(early).user_id == "anna"
    clock.now += 0.1
    with pytest.raises(InvalidTicket):
        tickets.redeem(late)


def test_it_is_good_once_for_as_long_as_a_clock_that_is_ahead_could_make_it_last(clock: Clock) -> None:
    ahead, tickets = Clock(), Tickets(SECRET, clock)
    ahead.now += 60
    ticket = Tickets(SECRET, ahead).issue(ANNA)
    tickets.redeem(ticket)

    clock.now += REMEMBERED_SECONDS - 0.1
    tickets.forget_expired()
    with pytest.raises(InvalidTicket, match="used before"):
        tickets.redeem(ticket)
    clock.now += 0.1
    tickets.forget_expired()
    with pytest.raises(InvalidTicket, match="InvalidToken"):
        tickets.redeem(ticket)


def test_written_otherwise_it_is_still_the_same_one(tickets: Tickets) -> None:
    ticket = tickets.issue(ANNA)
    tickets.redeem(ticket)

    with pytest.raises(InvalidTicket, match="used before"):
        tickets.redeem(ticket[:20] + "\n" + ticket[20:])


@pytest.mark.parametrize("forged", ["", "x", "gAAAAA", "é", "a.b.c", "gAAAAABn" + "A" * 120])
def test_what_nobody_issued_is_none(tickets: Tickets, forged: str) -> None:
    with pytest.raises(InvalidTicket):
        tickets.redeem(forged)


def test_nor_is_what_was_issued_with_another_secret(tickets: Tickets, clock: Clock) -> None:
    with pytest.raises(InvalidTicket):
        tickets.redeem(Tickets(SECRET.upper(), clock).issue(ANNA))


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(WeakKey, match="LEDGERBELL_TICKET_SECRET"):
        Tickets("x" * 31)
