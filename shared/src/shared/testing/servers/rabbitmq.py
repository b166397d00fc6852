"""A private RabbitMQ with its management interface: reachable from this machine only, small and quiet."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
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
from shared.testing.servers.readiness import accepts_connections, rabbitmq_answers, until_ready

USER = "ledgerbell"


@dataclass(frozen=True, slots=True)
class _Programs:
    server: Path
    control: Path
    epmd: Path


class PrivateRabbitMQ(PrivateServer):
    """``amqp_url`` and ``management_url`` are the administrator's; there is no user ``guest``.

    A quorum queue that was declared less than three seconds before ``kill`` has no leader afterwards:
    RabbitMQ (3.10 and 4.0) keeps the names of new ones in memory that long.
    """

    program = "beam.smp"
    port_names = ("amqp", "management", "distribution", "epmd")
    stop_signal = signal.SIGTERM
    abort_signal = signal.SIGKILL
    # 3.10 has stopped all that matters within milliseconds and then idles for five seconds. Those names are
    # on disk after three of them.
    stop_seconds = 4

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        self._epmd: subprocess.Popen[bytes] | None = None

    @property
    def amqp_url(self) -> str:
        return f"amqp://{USER}:{self.password}@127.0.0.1:{self.ports['amqp']}/"

    @property
    def management_url(self) -> str:
        return f"http://{USER}:{self.password}@127.0.0.1:{self.ports['management']}"

    async def stop(self) -> None:
        await super().stop()
        self._stop_epmd()

    def kill(self) -> None:
        super().kill()
        self._stop_epmd()

    async def control(self, *words: str) -> None:
        """Run ``rabbitmqctl`` with these words. Raises ServerFailed where it fails."""
        programs = _programs()
        control = self._launch(
            [str(programs.control), "--quiet", "--node", f"{self.mark}@localhost", *words],
            environment=self._environment(programs),
        )
        try:
            await ended(control, self.ready_seconds)
        finally:
            control.kill()
            control.wait()
        if control.returncode != 0:
            raise ServerFailed(f"rabbitmqctl {' '.join(words)} failed\n{last_lines(self.log)}")

    async def _prepare(self) -> None:
        folder = self.folder.path
        for name, text in (
            ("rabbitmq.conf", self._configuration()),
            ("enabled_plugins", "[rabbitmq_management].\n"),
        ):
            (folder / name).touch(mode=0o600)
            (folder / name).write_text(text)
        await self._start_epmd()

    def _configuration(self) -> str:
        settings = {
            "listeners.tcp.local": f"127.0.0.1:{self.ports['amqp']}",
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": self.ports["management"],
            "management.rates_mode": "none",
            "default_user": USER,
            "default_pass": self.password,
            "log.console": "true",
            "log.console.level": "info",
            "log.console.use_colors": "off",
            "log.file": "false",
            "disk_free_limit.absolute": "64MB",
            "vm_memory_high_watermark.relative": "0.4",
            # The log of the quorum queues is held in memory up to this size.
            "raft.wal_max_size_bytes": 64 * 1024 * 1024,
        }
        return "".join(f"{name} = {value}\n" for name, value in settings.items())

    def _spawn(self) -> subprocess.Popen[bytes]:
        programs = _programs()
        return self._launch([str(programs.server)], environment=self._environment(programs))

    async def _start_epmd(self) -> None:
        """An epmd of our own in the foreground; the node would leave a daemon behind."""
        programs = _programs()
        self._stop_epmd()
        self._epmd = self._launch(
            [str(programs.epmd), "-port", str(self.ports["epmd"]), "-address", "127.0.0.1"],
            environment=self._environment(programs),
        )
        await until_ready(lambda: accepts_connections("127.0.0.1", self.ports["epmd"]), within_seconds=10)

    def _environment(self, programs: _Programs) -> dict[str, str]:
        folder = self.folder.path
        # A node that is named from the start spares itself a second Erlang machine that looks for epmd.
        arguments = [
            f"-sname {self.mark}@localhost",
            "-start_epmd false",
            "-kernel inet_dist_use_interface {127,0,0,1}",
            f"-kernel inet_dist_listen_min {self.ports['distribution']}",
            f"-kernel inet_dist_listen_max {self.ports['distribution']}",
        ]
        path = os.pathsep.join([str(programs.epmd.parent), os.environ.get("PATH", os.defpath)])
        return environment_without("RABBITMQ_", "ERL_") | {
            "PATH": path,
            "HOME": str(folder),  # Holds the cookie.
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": str(self.ports["epmd"]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_CRASH_DUMP": str(folder / "erl_crash.dump"),
            "RABBITMQ_NODENAME": f"{self.mark}@localhost",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(folder / "conf.d"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "logs"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": " ".join(arguments),
            # Bound schedulers of two nodes would fight for the same core.
            "RABBITMQ_SCHEDULER_BIND_TYPE": "u",
            # Makes the script become the Erlang machine instead of waiting for it: its pid is ours.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    async def _ask(self) -> None:
        await rabbitmq_answers(self.amqp_url, self.management_url)

    def _stop_epmd(self) -> None:
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None


def _programs() -> _Programs:
    server, control, epmd = _program("rabbitmq-server"), _program("rabbitmqctl"), shutil.which("epmd")
    if server is None or control is None or epmd is None:
        raise ServerNotInstalled("RabbitMQ 3.10 or newer: apt-get install rabbitmq-server")
    return _Programs(Path(server), Path(control), Path(epmd))


def _program(name: str) -> str | None:
    packaged = Path("/usr/lib/rabbitmq/bin") / name  # The one on the path changes user.
    return str(packaged) if packaged.exists() else shutil.which(name)
