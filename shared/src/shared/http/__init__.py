"""What every HTTP face shares: app factory, problems, identity, idempotency keys, readiness."""

from shared.http.app import create_app, once
from shared.http.auth import Identity, Keyring
from shared.http.problems import Problem
from shared.http.serve import serve
from shared.http.workers import Workers

__all__ = ["Identity", "Keyring", "Problem", "Workers", "create_app", "once", "serve"]
