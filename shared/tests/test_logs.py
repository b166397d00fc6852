"""What a log line never holds."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
import structlog

from shared.db import Database


def line(**event: object) -> str:
    """As it would be written."""
    made: Any = event
    for processor in structlog.get_config()["processors"]:
        made = processor(None, "error", made)
    return bytes(made).decode()


async def test_the_row_that_broke_a_rule_is_not_quoted(db: Database) -> None:
    with pytest.raises(asyncpg.NotNullViolationError) as caught:
        async with db.transaction() as tx:
            await tx.execute(
                "INSERT INTO errand (id, attempts, correlation_id) VALUES (gen_random_uuid(), NULL, '4242')"
            )
    wrapped = ExceptionGroup("several", [caught.value])
    assert "4242" in str(caught.value)

    written = line(event="errand.failed", exc_info=wrapped)

    assert "NotNullViolationError" in written
    assert "4242" not in written


def test_secrets_by_name_are_blanked() -> None:
    written = line(event="x", code="4242", token="eyJ", user_id="u1")

    assert "4242" not in written
    assert "eyJ" not in written
    assert '"user_id":"u1"' in written
