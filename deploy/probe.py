"""Ends with 0 when the service in this container answers the path with 200, else says what it answered."""

import os
import sys
from http.client import HTTPConnection

try:
    connection = HTTPConnection("127.0.0.1", int(os.environ["LEDGERBELL_PORT"]), timeout=4)
    connection.request("GET", sys.argv[1])
    answer = connection.getresponse()
    if answer.status != 200:
        sys.exit(f"{answer.status} {answer.read(500).decode(errors='replace')}")
except OSError as error:
    sys.exit(str(error))
