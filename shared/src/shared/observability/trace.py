"""W3C trace context and a correlation id, carried from the request to every event it causes."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_CORRELATION = re.compile(r"[A-Za-z0-9._-]{1,64}")  # No newline can forge a log line.


@dataclass(frozen=True, slots=True)
class Trace:
    """Where we are in a trace, and the id that ties a whole story together."""

    trace_id: str
    span_id: str
    flags: str
    correlation_id: str
    causation_id: str | None = None

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current_trace() -> Trace | None:
    return _current.get()


def continue_trace(
    traceparent: str | None, correlation_id: str | None, causation_id: str | None = None
) -> Trace:
    """A new span below ``traceparent``; what is missing or malformed is made anew.

    Source: W3C Trace Context, section 3.2 (version 00).
    """
    match = _TRACEPARENT.fullmatch(traceparent or "")
    trace_id, flags = (match[1], match[3]) if match else (secrets.token_hex(16), "01")
    valid = correlation_id is not None and _CORRELATION.fullmatch(correlation_id)
    return Trace(
        trace_id,
        secrets.token_hex(8),
        flags,
        correlation_id if valid and correlation_id else trace_id,
        causation_id,
    )


@contextmanager
def traced(trace: Trace) -> Iterator[Trace]:
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)
