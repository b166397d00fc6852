"""Cursors of pages."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.pages import InvalidCursor, decode, encode, page_of


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_a_cursor_is_read_as_it_was_given_out(number: int) -> None:
    assert decode(encode(number)) == number


@pytest.mark.parametrize(
    "text", ["", "1", "e1", "ZTE=x", "ZS0x", "ZeKAog", "ü", "ZTE\n", encode(2**63), "A" * 64]
)
def test_a_cursor_of_somebodys_own_making_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        decode(text)


@given(st.text())
def test_any_text_as_a_cursor_is_read_or_refused(text: str) -> None:
    with suppress(InvalidCursor):
        assert 0 <= decode(text) <= 2**63 - 1


def test_a_page_names_the_next_one_only_where_there_is_one() -> None:
    rows = [{"number": number} for number in (9, 7, 4)]

    assert page_of(rows, 2).items == rows[:2]
    assert page_of(rows, 2).next == encode(7)
    assert page_of(rows, 3).next is None
