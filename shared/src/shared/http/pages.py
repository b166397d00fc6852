"""Asks for a page of a history, and says where the next one is."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request, Response

Before = Annotated[str | None, Query(max_length=64, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=100)]


def link_next(request: Request, response: Response, following: str | None, limit: int) -> None:
    """Name the next page in ``Link``, as RFC 8288 has it."""
    if following is None:
        return
    # With whatever else was asked for, such as a filter.
    query = urlencode({**request.query_params, "before": following, "limit": limit})
    path = request.scope.get("raw_path", b"").partition(b"?")[0].decode("ascii")
    response.headers["link"] = f'<{path}?{query}>; rel="next"'
