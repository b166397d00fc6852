"""``python -m monitor`` runs the service."""

from monitor.main import main

main()
