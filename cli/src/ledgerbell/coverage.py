"""How much of what moved was shown to whom it belongs, as an operator asks for it at the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ledgerbell.gateway import OperatorSettings, answered, client

Coverage = dict[str, Any]


def read_coverage(settings: OperatorSettings) -> Coverage:
    """Raises GatewayRefused, and httpx.HTTPError where the gateway cannot be reached."""
    with client(settings) as http:
        found: Coverage = answered(http.get("/v1/coverage")).json()
    return found


def table(found: Coverage) -> Iterator[str]:
    """Kinds with their figures, then each hole, then what else is to be known."""
    yield f"{'kind':<12}{'stated':>12}{'holes':>8}"
    for each in found["kinds"]:
        yield f"{each['kind']:<12}{each['stated']:>12}{each['holes']:>8}"
    yield f"{'all':<12}{found['stated']:>12}{found['holes']:>8}   {found['percent']} %"
    for hole in found["open"]:
        yield (
            f"not shown: {hole['transfer_id']} {hole['kind']} {hole['amount']} {hole['currency']}"
            f" of {hole['user_id']}, booked {hole['created_at']}, asked for {hole['asks']} times"
        )
    if (more := found["holes"] - len(found["open"])) > 0:
        yield f"and {more} more"
    if found["statements_missing"]:
        yield f"{found['statements_missing']} statements of the ledger are missing, and are asked for"
    yield _until(found)


def _until(found: Coverage) -> str:
    until = found["stated_until"]
    if not until:
        return "the ledger has stated nothing yet"
    # Of what makes it incomplete, nothing else is left.
    if not (found["complete"] or found["holes"] or found["statements_missing"]):
        return f"The ledger has not stated itself since {until}; what was booked later is not known."
    return f"known until {until}"
