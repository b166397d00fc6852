"""Amounts in, amounts out, and nothing in between is a float."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money import MAX_MINOR, InvalidAmount, Money, UnknownCurrency


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("12.50", "USD", 1250), ("12.5", "USD", 1250), ("0", "USD", 0), ("7", "JPY", 7), ("1.234", "KWD", 1234)],
)
def test_an_amount_is_read_in_minor_units(amount: str, currency: str, minor: int) -> None:
    assert Money.parse(amount, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    "amount",
    ["", "-1", "+1", "1e5", "1,5", ".5", "5.", "01", "NaN", "Infinity", "1.005", "٣", " 1", "1\n", "9" * 16],
)
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(InvalidAmount):
        Money.parse(amount, "USD")


@pytest.mark.parametrize("currency", ["", "usd", "XYZ", "US", "DOLLAR"])
def test_an_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(UnknownCurrency):
        Money.parse("1", currency)


def test_money_out_has_a_sign() -> None:
    assert Money(-250, "USD").amount == "-2.50"
    assert Money(-5, "JPY").amount == "-5"


@given(st.integers(0, MAX_MINOR), st.sampled_from(["USD", "EUR", "JPY", "KWD"]))
def test_the_wire_form_reads_back_as_the_same_amount(minor: int, currency: str) -> None:
    money = Money(minor, currency)

    assert Money.parse(money.amount, currency) == money


@pytest.mark.parametrize(
    ("money", "shown"),
    [
        (Money(250, "USD"), "$2.50"),
        (Money(123_456_789, "USD"), "$1,234,567.89"),
        (Money(5, "JPY"), "¥5"),
        (Money(0, "EUR"), "€0.00"),
    ],
)
def test_a_person_reads_it_as_their_locale_writes_it(money: Money, shown: str) -> None:
    assert money.display() == shown
