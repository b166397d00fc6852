"""``python -m ws_gateway``."""

from ws_gateway.main import main

main()
