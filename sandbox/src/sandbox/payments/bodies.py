"""What may be asked of the payment provider: known fields only, each with its limits."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from sandbox.records import Body, Reference

MAX_MINOR = 10**12


def _web_address(url: str) -> str:
    """A person is sent there, so it must be nothing but http or https, and its origin plain to name."""
    if origin_of(url) is None:
        raise ValueError("must be an http or https URL")
    return url


def origin_of(url: str) -> str | None:
    """``scheme://host[:port]``, or None when the URL has none that a policy header could name."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    plain = host.isascii() and host.replace("-", "").replace(".", "").replace("_", "").isalnum()
    if parts.scheme not in ("http", "https") or not plain or "@" in parts.netloc:
        return None
    return f"{parts.scheme}://{host}:{port}" if port is not None else f"{parts.scheme}://{host}"


Amount = Annotated[int, Field(ge=1, le=MAX_MINOR)]
WebAddress = Annotated[
    str, StringConstraints(pattern=r"^[!-~]+$", max_length=2000), AfterValidator(_web_address)
]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class CheckoutBody(Body):
    reference: Reference
    amount_minor: Amount
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    return_url: WebAddress | None = None
    description: Annotated[str, StringConstraints(max_length=300)] | None = None


class PayBody(Body):
    """``late`` pays what has been declined or has expired, as a slow bank does."""

    late: bool = False
    faults: str = ""


class DeclineBody(Body):
    reason: Reason = "Card declined"
    faults: str = ""


class RefundBody(Body):
    checkout_id: str
    amount_minor: Amount
    reference: Reference


class FailBody(Body):
    reason: Reason = "Refused by the bank"
    faults: str = ""


class FaultsBody(Body):
    faults: str = ""
