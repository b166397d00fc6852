"""What may be asked of the SMS provider: known fields only, each with its limits."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from sandbox.records import Body, Reference

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,20}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class OrderBody(Body):
    service: Name
    country: Name
    reference: Reference


class SmsBody(Body):
    """Without a code one is made up; without a text, the text says the code."""

    code: Code | None = None
    text: Text | None = None
    faults: str = ""


class StockBody(Body):
    stock: Annotated[int, Field(ge=0, le=1_000_000)]


class FaultsBody(Body):
    faults: str = ""
