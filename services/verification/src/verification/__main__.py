"""``python -m verification`` runs the service."""

from verification.main import main

main()
