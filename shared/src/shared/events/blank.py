"""Shows what is in an event without its secrets: whatever is not known to be harmless is blanked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import NoneType
from typing import TYPE_CHECKING, TypeAlias, get_args
from uuid import UUID

import orjson

from shared.events.catalogue import CATALOGUE
from shared.events.envelope import ATTRIBUTES, MAX_DATA_BYTES
from shared.events.receipts import HEADERS

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

Json: TypeAlias = object

BLANK = "•••"
MAX_DEPTH = 8

# Source: RabbitMQ's guides to dead lettering and to quorum queues.
_FROM_BROKER = (
    "x-delivery-count",
    "x-death",
    *(f"x-{which}-death-{what}" for which in ("first", "last") for what in ("exchange", "queue", "reason")),
)
_SHOWN_HEADERS = frozenset((*ATTRIBUTES, *_FROM_BROKER, *HEADERS))
# What is no name may be a value: there are maps by telephone number.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
_ID_OR_CURRENCY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[A-Z]{3}")


def _is_fact(field: FieldInfo) -> bool:
    """Whether it can only be an id or a number, and no secret."""
    kinds = set(get_args(field.annotation) or (field.annotation,))
    return field.repr and kinds <= {UUID, int, NoneType}


_FIELDS = [item for contract in CATALOGUE.values() for item in contract.model_fields.items()]
# Whatever a contract keeps out of its repr, in whichever event it turns up.
_SECRET = frozenset(name for name, field in _FIELDS if not field.repr)
# Names that mean the same wherever they stand; of a type nobody knows, no other value is shown.
_FACTS = {name for name, _ in _FIELDS} - {name for name, field in _FIELDS if not _is_fact(field)}
_HARMLESS = frozenset({*_FACTS, "currency"})


def blanked(type_: str, data: bytes) -> Json:
    """Of a type of the catalogue what its contract declares and does not keep secret; of others the names.

    None where it is no JSON object, or larger than an event may be: nobody knows what it holds.
    """
    if len(data) > MAX_DATA_BYTES:
        return None
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict):
        return None
    contract = CATALOGUE.get(type_)
    declared = contract.model_fields if contract else {}
    return {
        _name(name): part
        if name in declared and declared[name].repr and _is_plain(part)
        else _outline(name, part)
        for name, part in found.items()
    }


def blanked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The envelope's attributes, and what the broker tells of its deliveries; of others the names."""
    return {_name(name): value if name in _SHOWN_HEADERS else BLANK for name, value in headers.items()}


def _is_plain(value: Json) -> bool:
    """A single value or a list of such: what a contract's field may hold."""
    return not any(isinstance(part, dict | list) for part in (value if isinstance(value, list) else [value]))


def _outline(name: str, value: Json, depth: int = 1) -> Json:
    """The names in it, and of its values the ids, numbers and currencies under names that are harmless."""
    if name in _SECRET or depth == MAX_DEPTH:
        return BLANK
    if isinstance(value, dict):
        return {_name(each): _outline(each, part, depth + 1) for each, part in value.items()}
    if isinstance(value, list):
        return [_outline(name, part, depth + 1) for part in value]
    is_harmless = isinstance(value, int) or (isinstance(value, str) and _ID_OR_CURRENCY.fullmatch(value))
    return value if name in _HARMLESS and is_harmless else BLANK


def _name(name: str) -> str:
    return name if _NAME.fullmatch(name) else BLANK
