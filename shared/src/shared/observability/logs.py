"""Every log line is one JSON object with its time, service and correlation id, and holds no secret."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, cast

import asyncpg
import orjson
import structlog

from shared.observability.trace import current_trace

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

SECRET_FIELDS = frozenset({"authorization", "token", "ticket", "code", "password", "secret", "data", "body"})


def configure_logs(service: str, level: str = "INFO") -> None:
    """Send structlog's and the standard library's records to stdout as JSON lines."""
    number = logging.getLevelNamesMapping()[level.upper()]
    common: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
        _blank_secrets,
        _blank_row_values,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*common, structlog.processors.JSONRenderer(serializer=orjson.dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *common],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=lambda o, **_: orjson.dumps(o).decode()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))  # Libraries speak only when something is wrong.
    # uvicorn logs a socket's path with its query string at INFO, whatever the access log's setting.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    _service.name = service


class _Service:
    name = "ledgerbell"


_service = _Service()


def get_logger(name: str) -> FilteringBoundLogger:
    return cast("FilteringBoundLogger", structlog.get_logger(module=name))


def _add_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event["service"] = _service.name
    trace = current_trace()
    if trace is not None:
        event.setdefault("correlation_id", trace.correlation_id)
        event.setdefault("trace_id", trace.trace_id)
    return event


def _blank_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for field in SECRET_FIELDS & event.keys():
        event[field] = "[secret]"
    return event


def _blank_row_values(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """PostgreSQL quotes the row that broke a rule, with all it holds, in the error's DETAIL."""
    match event.get("exc_info"):
        case BaseException() as error:
            _blank_details(error)
        case (_, BaseException() as error, _):
            _blank_details(error)
        case True:
            _blank_details(sys.exc_info()[1])
    return event


def _blank_details(error: BaseException | None) -> None:
    if error is None:
        return
    if isinstance(error, asyncpg.PostgresError):
        error.detail = None
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            _blank_details(inner)
    _blank_details(error.__cause__)
    _blank_details(error.__context__)
