"""Alembic's entry point: the payment service's tables."""

from payment.adapters.tables import metadata
from shared.db.migrations import run_env

run_env(metadata)
