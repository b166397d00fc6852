"""``python -m payment`` runs the service."""

from payment.main import main

main()
