"""The ledger's rules, without any server."""

from __future__ import annotations

from contextlib import suppress
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.domain import cursor
from credit.domain.commands import Intent, PostHold
from credit.domain.cursor import InvalidCursor
from credit.domain.system_accounts import Source, SystemAccount, funded_by
from credit.domain.texts import InvalidText, plain_text, relative_link
from shared.events.credit import AdditionSource


@pytest.mark.parametrize("text", ["SMS verification", "Größe 5 €", "日本語", "👩‍👩‍👧 family", "a" * 200])
def test_ordinary_text_is_taken_as_it_is(text: str) -> None:
    assert plain_text(text) == text


def test_surrounding_space_is_dropped() -> None:
    assert plain_text("  Goodwill ") == "Goodwill"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "a\nb",
        "a\r\nb",
        "nul\x00",
        "\x1b[31mred",
        "\x85",
        "\ud800",
        "a\u2028b",
        "\u202e$5",
        "\u2066x",
    ],
)
def test_text_that_could_forge_a_line_or_turn_it_around_is_refused(text: str) -> None:
    with pytest.raises(InvalidText):
        plain_text(text)


@pytest.mark.parametrize("link", ["/", "/verifications/42", "/a/b?c=d&e=%20#f"])
def test_a_path_of_our_own_site_is_a_link(link: str) -> None:
    assert relative_link(link) == link


@pytest.mark.parametrize(
    "link",
    [
        "",
        "a",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/a b",
        "/a\n",
        "/ü",
    ],
)
def test_anything_that_could_lead_elsewhere_is_no_link(link: str) -> None:
    with pytest.raises(InvalidText):
        relative_link(link)


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_a_cursor_is_read_as_it_was_given_out(number: int) -> None:
    assert cursor.decode(cursor.encode(number)) == number


@pytest.mark.parametrize(
    "text", ["", "1", "e1", "ZTE=x", "ZS0x", "ZeKAog", "ü", "ZTE\n", cursor.encode(2**63), "A" * 64]
)
def test_a_cursor_of_somebodys_own_making_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        cursor.decode(text)


@given(st.text())
def test_any_text_as_a_cursor_is_read_or_refused(text: str) -> None:
    with suppress(InvalidCursor):
        assert 0 <= cursor.decode(text) <= 2**63 - 1


def test_a_repetition_means_the_same_transfer_and_nothing_else_does() -> None:
    intent = Intent("anna POST /v1/accounts/me/debits", "k", "f")
    assert intent.transfer_id == Intent(intent.scope, "k", "other body").transfer_id
    assert intent.transfer_id != Intent(intent.scope, "k2", "f").transfer_id
    assert intent.transfer_id != Intent("ben POST /v1/accounts/me/debits", "k", "f").transfer_id


def test_a_hold_becomes_the_same_transfer_whoever_posts_it() -> None:
    hold_id = Intent("s", "k", "f").transfer_id
    first = PostHold(Intent("a", "1", "f"), hold_id, "a", any_user=False)
    second = PostHold(Intent("b", "2", "f"), hold_id, "b", any_user=True)
    assert first.transfer_id == second.transfer_id != hold_id


def test_every_source_of_the_contract_has_an_account_it_is_taken_from() -> None:
    assert set(get_args(Source)) == set(get_args(AdditionSource))
    for source in get_args(Source):
        assert funded_by(source) in get_args(SystemAccount)
