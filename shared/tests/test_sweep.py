"""A sweep goes on after what passes by itself, and ends with whatever does not."""

import pytest
from structlog.testing import capture_logs

from shared.db.database import CONTENTION, UNREACHABLE
from shared.db.sweep import sweep


class Defect(Exception):
    """Nothing that time mends."""


@pytest.mark.parametrize("passes", [*CONTENTION, *UNREACHABLE])
async def test_a_sweep_goes_on_after_the_databases_trouble(passes: type[Exception]) -> None:
    met = iter([passes("it passes"), Defect()])

    async def batch() -> int:
        raise next(met)

    with capture_logs() as logs, pytest.raises(Defect):
        await sweep(batch, size=1, every_seconds=0, failed="test.not_swept")

    assert [(line["event"], line["log_level"]) for line in logs] == [("test.not_swept", "warning")]
