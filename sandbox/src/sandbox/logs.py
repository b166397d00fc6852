"""Every log line is one JSON object on stdout, and holds no secret and no SMS."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

_log = logging.getLogger("sandbox")


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logs() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # Libraries speak only when something is wrong.
    _log.setLevel(logging.INFO)


def tell(event: str, **fields: object) -> None:
    """Log what has happened; fields are ids, states and numbers, never the content of a message."""
    _log.info(event, extra={"fields": fields})


def tell_failure(event: str, error: BaseException, **fields: object) -> None:
    """Log a fault of the sandbox itself, with its traceback."""
    _log.error(event, exc_info=error, extra={"fields": fields})
