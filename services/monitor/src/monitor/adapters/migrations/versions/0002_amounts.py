"""The same amount is found without reading all that its user has spent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "observation_of_amount",
        "observation",
        ["user_id", "kind", "currency", "amount_minor", "at"],
        postgresql_where=sa.text("amount_minor IS NOT NULL"),
    )
