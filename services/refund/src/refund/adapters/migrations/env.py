"""Alembic's entry point: the refund service's tables."""

from refund.adapters.tables import metadata
from shared.db.migrations import run_env

run_env(metadata)
