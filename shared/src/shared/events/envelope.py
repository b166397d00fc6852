"""CloudEvents 1.0 in binary content mode: attributes as AMQP headers, data as the body."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from pydantic import ValidationError

from shared.events.catalogue import CATALOGUE
from shared.events.contract import Event

PREFIX = "cloudEvents:"  # Source: CloudEvents AMQP protocol binding 1.0, section 3.1.
ATTRIBUTES = tuple(
    PREFIX + name
    for name in (
        "id",
        "type",
        "source",
        "subject",
        "time",
        "specversion",
        "traceparent",
        "correlationid",
        "causationid",
    )
)
_ID, TYPE, _SOURCE, _SUBJECT, _TIME, _SPEC, _TRACE, _CORRELATION, _CAUSATION = ATTRIBUTES
MAX_DATA_BYTES = 64 * 1024
MAX_SUBJECT = 200


class UnknownEvent(ValueError):
    """No such type or version in the catalogue of this release."""


class InvalidEvent(ValueError):
    """The message is not a readable event of its type."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event on its way. ``subject`` is the user's id; ``data`` is JSON and may hold secrets."""

    id: UUID
    type: str
    source: str
    subject: str
    time: datetime
    data: bytes
    traceparent: str | None = None
    correlationid: str | None = None
    causationid: str | None = None

    def __repr__(self) -> str:  # Data may hold an SMS code, and a repr ends in logs.
        return f"Envelope({self.type}, id={self.id})"

    def headers(self) -> dict[str, str]:
        headers = {
            _SPEC: "1.0",
            _ID: str(self.id),
            TYPE: self.type,
            _SOURCE: self.source,
            _SUBJECT: self.subject,
            _TIME: self.time.astimezone(UTC).isoformat(timespec="microseconds"),
        }
        if self.traceparent:
            headers[_TRACE] = self.traceparent
        if self.correlationid:
            headers[_CORRELATION] = self.correlationid
        if self.causationid:
            headers[_CAUSATION] = self.causationid
        return headers

    @classmethod
    def read(cls, headers: dict[str, object], body: bytes) -> Envelope:
        """Read the attributes of a delivery; the data is not looked at.

        Raises:
            InvalidEvent: an attribute is missing or malformed, or the data is larger than 64 KiB.
        """
        if len(body) > MAX_DATA_BYTES:
            raise InvalidEvent(f"data of {len(body)} bytes is larger than {MAX_DATA_BYTES}")
        try:
            if headers[_SPEC] != "1.0":
                raise InvalidEvent("specversion is not 1.0")
            time = datetime.fromisoformat(str(headers[_TIME]))
            if time.tzinfo is None:
                raise InvalidEvent("time has no zone")
            subject = str(headers[_SUBJECT])
            if not 0 < len(subject) <= MAX_SUBJECT:
                raise InvalidEvent("subject is not a user id")
            return cls(
                id=UUID(str(headers[_ID])),
                type=str(headers[TYPE]),
                source=str(headers[_SOURCE]),
                subject=subject,
                time=time,
                data=body,
                traceparent=_text(headers.get(_TRACE)),
                correlationid=_text(headers.get(_CORRELATION)),
                causationid=_text(headers.get(_CAUSATION)),
            )
        except KeyError as missing:
            raise InvalidEvent(f"attribute {missing} is missing") from None
        except InvalidEvent:
            raise
        except ValueError:
            # The error quotes the value, and a reason must hold none.
            raise InvalidEvent("id or time is malformed") from None

    def event(self) -> Event:
        """The data as its contract.

        Raises:
            UnknownEvent: the type or its version is not in the catalogue.
            InvalidEvent: the data does not fit its contract. The message holds no value of the data.
        """
        contract = CATALOGUE.get(self.type)
        if contract is None:
            raise UnknownEvent(f"{self.type} is not in the catalogue")
        try:
            return contract.model_validate_json(self.data)
        except ValidationError as invalid:
            faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in invalid.errors())
            raise InvalidEvent(faults) from None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
