"""A dead letter is shown to operators, who may see no secret: least of all in what nobody here can read."""

from __future__ import annotations

import orjson
import pytest

from shared.events import Event
from shared.events.blank import BLANK, MAX_DEPTH, blanked, blanked_headers
from shared.events.envelope import MAX_DATA_BYTES
from shared.events.examples import EXAMPLES, envelope_of
from shared.events.receipts import HEADERS

CODE = "verification.code_received"
ID = "0198c0de-7a11-7c3e-9d5b-000000000001"
SECRETS = {"code", "phone_number"}


def shown(type_: str, data: object) -> object:
    return blanked(type_, orjson.dumps(data))


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.TYPE)
def test_an_event_of_the_catalogue_is_shown_whole_but_for_its_secrets(event: Event) -> None:
    whole = event.model_dump(mode="json")

    expected = {name: BLANK if name in SECRETS else value for name, value in whole.items()}
    assert shown(event.TYPE, whole) == expected


@pytest.mark.parametrize("type_", [f"{CODE}.v1", "activity.flagged.v1"])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"text": "Your code is 90210"}, {"text": BLANK}),
        ({"code": 90210}, {"code": BLANK}),
        ({"code": {"currency": "ABC"}}, {"code": BLANK}),
        ({"service": {"text": "90210"}}, {"service": {"text": BLANK}}),
        ({"seen": [["90210"]]}, {"seen": [[BLANK]]}),
    ],
)
def test_what_a_contract_does_not_declare_is_blanked(type_: str, data: object, expected: object) -> None:
    assert shown(type_, data) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"sms": {"text": "Your code is 90210"}}, {"sms": {"text": BLANK}}),
        ({"parts": [{"digit": 9}, 0, "210", True, None]}, {"parts": [{"digit": BLANK}, *[BLANK] * 4]}),
        ({"+447700900123": {"90210": "it"}}, {BLANK: {BLANK: BLANK}}),
        ({"code": ID}, {"code": BLANK}),
        ({"reference": "90210", "service": 90210}, {"reference": BLANK, "service": BLANK}),
        ({"transfer_id": "90210", "amount_minor": "90210", "currency": "90210"},
         dict.fromkeys(("transfer_id", "amount_minor", "currency"), BLANK)),
    ],
)  # fmt: skip
def test_of_a_type_nobody_knows_the_names_are_shown(data: object, expected: object) -> None:
    assert shown(f"{CODE}.v2", data) == expected
    assert shown("", data) == expected


def test_ids_amounts_and_currencies_are_shown_wherever_they_stand() -> None:
    data = {
        "transfer_id": ID,
        "money": {"amount_minor": 350, "currency": "USD"},
        "transfers": [{"version": 4}],
    }

    assert shown(f"{CODE}.v2", data) == data


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b'{"reason": "\xff"}', b"{", b"[1]", b"90210", b'"90210"']
)
def test_what_is_no_json_object_is_not_shown(body: bytes) -> None:
    assert blanked("credit.added.v1", body) is None


def test_what_is_larger_than_an_event_may_be_is_not_shown() -> None:
    assert blanked("credit.added.v1", b"{}".ljust(MAX_DATA_BYTES)) == {}
    assert blanked("credit.added.v1", b"{}".ljust(MAX_DATA_BYTES + 1)) is None


@pytest.mark.parametrize("type_", ["credit.added.v1", "credit.added.v9"])
@pytest.mark.parametrize(("begin", "end"), [(b'{"a":', b"}"), (b"[", b"]")])
def test_what_is_nested_without_end_is_shown_down_to_where_it_is_too_deep(
    type_: str, begin: bytes, end: bytes
) -> None:
    body = b'{"a":' + begin * 1000 + b'"90210"' + end * 1000 + b"}"

    found, depth = blanked(type_, body), 0
    while isinstance(found, dict | list):
        found, depth = next(iter(found.values())) if isinstance(found, dict) else found[0], depth + 1

    assert (found, depth) == (BLANK, MAX_DEPTH)


def test_of_headers_the_envelope_and_the_brokers_own_are_shown() -> None:
    known = (
        envelope_of(EXAMPLES[0]).headers() | HEADERS | {"x-delivery-count": "20", "x-death": "[{'count': 1}]"}
    )
    other = {"authorization": "90210", "cloudEvents:note": "90210", "+447700900123": "90210"}

    assert blanked_headers(known) == known
    assert blanked_headers(other) == {"authorization": BLANK, "cloudEvents:note": BLANK, BLANK: BLANK}
