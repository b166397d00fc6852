"""Alembic's entry point: the ledger's tables."""

from credit.adapters.tables import metadata
from shared.db.migrations import run_env

run_env(metadata)
