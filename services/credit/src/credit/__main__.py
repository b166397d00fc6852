"""``python -m credit`` runs the service."""

from credit.main import main

main()
