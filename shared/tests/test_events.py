"""The envelope and the catalogue: what is written can be read, and what cannot be read is said to be so."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from shared.events import CATALOGUE, Envelope, InvalidEvent, UnknownEvent, exchange_of, lane_of
from shared.events.envelope import MAX_DATA_BYTES
from shared.events.payment import FailureCause, PaymentFailed
from shared.events.verification import VerificationCodeReceived

DATA = b'{"verification_id": "%s", "service": "WhatsApp", "code": "12345", "unheard": 1}' % (
    str(uuid4()).encode()
)


def envelope(type_: str = "verification.code_received.v1", data: bytes = DATA) -> Envelope:
    return Envelope(
        uuid4(), type_, "/ledgerbell/verification", "ada", datetime.now(UTC), data, "00-a", "c", "e"
    )


def test_what_is_written_is_read_back() -> None:
    written = envelope()

    assert Envelope.read(dict(written.headers()), written.data) == written


def test_fields_a_reader_does_not_know_are_ignored() -> None:
    event = envelope().event()

    assert isinstance(event, VerificationCodeReceived)
    assert event.code == "12345"


def test_a_payment_that_failed_before_causes_were_told_reads_as_declined() -> None:
    data = b'{"payment_id": "%s", "currency": "USD", "amount_minor": 1, "reference": "R", "reason": "r"}'
    event = envelope("payment.failed.v1", data % str(uuid4()).encode()).event()

    assert isinstance(event, PaymentFailed)
    assert event.cause is FailureCause.DECLINED


def test_no_repr_shows_a_code() -> None:
    assert "12345" not in repr(envelope())
    assert "12345" not in repr(envelope().event())


@pytest.mark.parametrize("type_", ["verification.code_received.v2", "nobody.knows.v1", ""])
def test_an_unknown_type_or_version_is_said_to_be_unknown(type_: str) -> None:
    with pytest.raises(UnknownEvent):
        envelope(type_).event()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"service": 5}', b"\xff"])
def test_data_that_does_not_fit_is_invalid_and_its_values_are_not_repeated(data: bytes) -> None:
    with pytest.raises(InvalidEvent) as refused:
        envelope(data=data).event()

    assert "5" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cloudEvents:id", "7"),
        ("cloudEvents:specversion", "0.3"),
        ("cloudEvents:time", "yesterday"),
        ("cloudEvents:time", "2026-01-01T00:00:00"),
        ("cloudEvents:subject", ""),
        ("cloudEvents:subject", "u" * 201),
    ],
)
def test_a_malformed_attribute_is_invalid(name: str, value: str) -> None:
    headers: dict[str, Any] = {**envelope().headers(), name: value}

    with pytest.raises(InvalidEvent):
        Envelope.read(headers, DATA)


@pytest.mark.parametrize("missing", ["id", "type", "source", "subject", "time", "specversion"])
def test_a_missing_attribute_is_invalid(missing: str) -> None:
    headers: dict[str, Any] = dict(envelope().headers())
    del headers[f"cloudEvents:{missing}"]

    with pytest.raises(InvalidEvent, match=missing):
        Envelope.read(headers, DATA)


def test_data_over_64_kib_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(InvalidEvent, match="larger"):
        Envelope.read(dict(envelope().headers()), b" " * (MAX_DATA_BYTES + 1))


def test_every_type_has_its_publishers_exchange_and_a_lane() -> None:
    exchanges = {exchange_of(type_) for type_ in CATALOGUE}

    assert exchanges == {
        "credit.events",
        "payment.events",
        "refund.events",
        "verification.events",
        "activity.events",
        "letter.events",
    }
    assert all(type_.endswith(".v1") and lane_of(type_) for type_ in CATALOGUE)
