"""A private PostgreSQL: durable as in production, reachable from this machine only."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from shared.testing.servers.folder import last_lines
from shared.testing.servers.private import (
    PrivateServer,
    ServerFailed,
    ServerNotInstalled,
    ended,
    environment_without,
)
from shared.testing.servers.readiness import postgres_answers

OLDEST_VERSION = 14
USER = "ledgerbell"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "fsync": "on",
    "synchronous_commit": "on",
}


@dataclass(frozen=True, slots=True)
class _Account:
    """Whom the server runs as: it refuses root."""

    uid: int
    gid: int


class PrivatePostgres(PrivateServer):
    """``url`` is the administrator's, on the database ``postgres``."""

    program = "postgres"
    port_names = ("sql",)
    stop_signal = signal.SIGINT  # A fast shutdown: open transactions are aborted.
    abort_signal = signal.SIGQUIT  # Recovers at the next start; unlike SIGKILL it returns its shared memory.

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        self._programs = Path()
        self._account = _account()

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.ports['sql']}/postgres"

    async def _prepare(self) -> None:
        self._programs = _programs(_version_of(self.data))
        if not self.data.exists():
            await self._create_data()
        # We hold the folder and ended what was left of an earlier server, so this names a stranger at most.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    async def _create_data(self) -> None:
        self.data.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w", prefix="ledgerbell-") as password:
            password.write(self.password)
            password.flush()
            if self._account is not None:
                os.chown(self.data, self._account.uid, self._account.gid)
                os.chown(password.name, self._account.uid, self._account.gid)
            command = [
                str(self._programs / "initdb"),
                f"--pgdata={self.data}",
                f"--username={USER}",
                f"--pwfile={password.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
            ]
            initdb = self._launch(command, environment=environment_without("PG"), setpriv=self._setpriv())
            try:
                await ended(initdb, self.ready_seconds)
            finally:
                initdb.kill()
                initdb.wait()
        if initdb.returncode != 0:
            raise ServerFailed(f"initdb failed\n{last_lines(self.log)}")

    def _spawn(self) -> subprocess.Popen[bytes]:
        # The cluster's name shows in the title of every one of its processes.
        settings = _SETTINGS | {"port": str(self.ports["sql"]), "cluster_name": self.mark}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return self._launch(
            [str(self._programs / "postgres"), "-D", str(self.data), *options],
            environment=environment_without("PG"),
            setpriv=self._setpriv(),
        )

    def _setpriv(self) -> list[str]:
        if self._account is None:
            return []
        # The checkout may lie below a folder that only root may enter (/root): the server keeps the one
        # capability to pass through, and nothing else of root's.
        return [
            f"--reuid={self._account.uid}",
            f"--regid={self._account.gid}",
            "--clear-groups",
            "--inh-caps=-all,+dac_override",
            "--ambient-caps=-all,+dac_override",
        ]

    async def _ask(self) -> None:
        await postgres_answers(self.url)


def _account() -> _Account | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _Account(entry.pw_uid, entry.pw_gid)
    return _Account(65534, 65534)


def _version_of(data: Path) -> int | None:
    """The major version that made the data, if there is any."""
    file = data / "PG_VERSION"
    return int(file.read_text()) if file.exists() else None


def _programs(version: int | None) -> Path:
    """Where postgres and initdb are: the given version's, or the newest's."""
    installed = _installed()
    if version is None and installed:
        return installed[max(installed)]
    if version in installed:
        return installed[version]
    if version is None:
        raise ServerNotInstalled(f"PostgreSQL {OLDEST_VERSION} or newer: apt-get install postgresql")
    raise ServerNotInstalled(
        f"the data was made by PostgreSQL {version}, which is not installed (there is: {sorted(installed)});"
        " install it or remove the folder"
    )


def _installed() -> dict[int, Path]:
    """Major version to folder of programs."""
    found = {
        int(folder.parent.name): folder
        for folder in Path("/usr/lib/postgresql").glob("[0-9]*/bin")
        if (folder / "initdb").exists() and (folder / "postgres").exists()
    }
    on_path = shutil.which("postgres")
    if not found and on_path is not None:
        said = subprocess.run([on_path, "--version"], capture_output=True, text=True, check=False).stdout
        if version := re.search(r"\) (\d+)", said):
            found[int(version[1])] = Path(on_path).resolve().parent
    return {version: folder for version, folder in found.items() if version >= OLDEST_VERSION}
