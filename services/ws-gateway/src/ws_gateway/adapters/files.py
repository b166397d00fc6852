"""The browser's files as they leave here: typed by name, small on the way, asked for anew each time."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

# Python's own table is the machine's: on a bare Debian it has other names for these, or none.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
FOR_EVERY_SITE = {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}


class Files(StaticFiles):
    """A folder's files with ``headers``, revalidated at each load so that a new release is seen at once."""

    def __init__(self, folder: Path, headers: dict[str, str]) -> None:
        super().__init__(directory=folder)
        self._headers = {"cache-control": "no-cache", **headers}

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        if response.status_code == 304:
            response.headers["vary"] = "Accept-Encoding"  # The others get it where they are compressed.
        else:
            response.headers["content-type"] = TYPES.get(Path(full_path).suffix, "application/octet-stream")
        # Weak, because compressed and plain bytes share it.
        response.headers["etag"] = f"W/{response.headers['etag']}"
        response.headers.update(self._headers)
        return response


def files(folder: Path, headers: dict[str, str] | None = None) -> ASGIApp:
    """Serves a folder, compressed for who takes it."""
    return GZipMiddleware(Files(folder, headers or {}))
