"""Events that show a transfer are kept as long as the transfer."""

from __future__ import annotations

from alembic import op

from shared.outbox import create_kept

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_kept(op)  # type: ignore[arg-type]  # The module stands in for an Operations object.
