"""Shows what is in an event, without what nobody but its owner may see."""

from __future__ import annotations

from typing import TypeAlias

import orjson

from shared.events.catalogue import CATALOGUE

Json: TypeAlias = object

BLANK = "•••"
# Whatever a contract keeps out of its repr, in whichever event it turns up.
SECRET = frozenset(
    name for contract in CATALOGUE.values() for name, field in contract.model_fields.items() if not field.repr
)


def blanked(data: bytes) -> Json:
    """The data with its secrets blanked; None where it is no JSON object: nobody knows what it holds."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return _blank(found) if isinstance(found, dict) else None


def _blank(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: BLANK if name in SECRET else _blank(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_blank(part) for part in value]
    return value
