"""What was sent is kept until it has been told once more."""

from __future__ import annotations

from alembic import op

from shared.outbox import create_sent

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_sent(op)  # type: ignore[arg-type]  # The module stands in for an Operations object.
