"""Alembic's entry point: the service's tables."""

from shared.db.migrations import run_env
from verification.adapters.tables import metadata

run_env(metadata)
