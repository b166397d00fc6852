"""A user's stream made anew of its events, as an operator asks for it at the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx

from ledgerbell.letters import OperatorSettings, why

# The gateway answers before that, if only that it does not know.
ANSWER_SECONDS = 30

Rebuilt = dict[str, Any]


class RebuildRefused(Exception):
    """The notifier, or the gateway before it, said no; the message says why and what to do."""


def rebuild_stream(settings: OperatorSettings, user: str, *, compare_only: bool) -> Rebuilt:
    """What became of it. Raises RebuildRefused, and httpx.HTTPError where the gateway cannot be reached."""
    answer = httpx.post(
        f"{settings.gateway_url}/v1/streams/{quote(user, safe='')}/rebuild",
        params={"compare": "true"} if compare_only else {},
        headers={"authorization": f"Bearer {settings.operator_token}"},
        timeout=ANSWER_SECONDS,
        trust_env=False,
    )
    if answer.is_error:
        raise RebuildRefused(why(answer))
    found: Rebuilt = answer.json()
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
