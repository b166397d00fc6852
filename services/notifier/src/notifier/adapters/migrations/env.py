"""What Alembic runs: the notifier's tables against the database it is given."""

from notifier.adapters.tables import metadata
from shared.db.migrations import run_env

run_env(metadata)
