"""Alembic's entry point: the monitor's tables."""

from monitor.adapters.tables import metadata
from shared.db.migrations import run_env

run_env(metadata)
