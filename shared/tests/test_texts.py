"""What may be written where people read it."""

from __future__ import annotations

import pytest

from shared.texts import InvalidText, made_plain, plain_text, relative_link


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


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Your code\r\n is\x0012345", "Your code is 12345"),
        ("\u202a+15550001\u202c", "+15550001"),
        ("  é👩‍👩‍👧\u2028 ", "é👩‍👩‍👧"),
        ("x" * 30, "x" * 20),
        ("a" * 19 + " b", "a" * 19),
        ("\x00\ud800", ""),
    ],
)
def test_what_nobody_can_be_asked_to_mend_is_made_plain(text: str, plain: str) -> None:
    assert made_plain(text, 20) == plain
    assert not plain or plain_text(plain) == plain


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
