"""``python -m ledgerbell``."""

from ledgerbell.main import app

app()
