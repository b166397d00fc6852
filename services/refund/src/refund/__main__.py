"""``python -m refund`` runs the service."""

from refund.main import main

main()
