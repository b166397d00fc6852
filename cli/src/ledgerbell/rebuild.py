"""A user's stream made anew of its events, as an operator asks for it at the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from ledgerbell.gateway import OperatorSettings, answered, client

Rebuilt = dict[str, Any]
ANSWER_SECONDS = 130  # The gateway waits for two minutes.


def rebuild_stream(settings: OperatorSettings, user: str, *, compare_only: bool) -> Rebuilt:
    """What became of it. Raises GatewayRefused, and httpx.HTTPError where the gateway cannot be reached."""
    path, query = f"/v1/streams/{quote(user, safe='')}/rebuild", {"compare": "true"} if compare_only else {}
    with client(settings, seconds=ANSWER_SECONDS) as http:
        found: Rebuilt = answered(http.post(path, params=query)).json()
    return found


def differences(found: Rebuilt) -> Iterator[str]:
    """Each on a line, as a person reads it."""
    for each in found["differences"]:
        yield f"{each['what']:<9} {_about(each)}"
    if (left := found["different"] - len(found["differences"])) > 0:
        yield f"and {left} more"


def _about(each: dict[str, Any]) -> str:
    match each["what"]:
        case "places":
            return f"{each['after']} notifications stood elsewhere"
        case "last_seq" | "unread":
            return f"it was {each['before']}, its events make {each['after']}"
        case "different":
            return f"{each['event_id']} {each['kind']}: {', '.join(each['fields'])}"
        case _:
            return f"{each['event_id']} {each['kind']}"
