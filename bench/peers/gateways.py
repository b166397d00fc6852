"""Gateways that people would use instead, behind the floor's writer and notifier."""

from __future__ import annotations

from dataclasses import asdict

from bench.child import Child
from bench.config import Config
from bench.floor.pipeline import Floor
from bench.peers.server import node, uvicorn
from bench.socket_io import PATH
from bench.spine import Part, Spine
from bench.tabs import Gateway


class SocketIo(Floor):
    """Its tabs speak Socket.IO over WebSocket from the start."""

    def entrance(self) -> Gateway:
        return Gateway("127.0.0.1", self.config.port, f"{PATH}&transport=websocket", socket_io=True)


class PythonSocketIo(SocketIo):
    """python-socketio with its aio-pika manager, on uvicorn."""

    name = "python-socketio"

    def make_notifier(self, config: Config) -> Part:
        return Child("bench.peers.socketio_notifier", asdict(config))

    def make_gateway(self, config: Config) -> Part:
        return uvicorn(
            self.name,
            "bench.peers.socketio_gateway:app",
            config.port,
            {"BENCH_BROKER_URL": config.broker_url},
            # A first session has the manager listen: its queue is there before anything is emitted.
            ready=f"{PATH}&transport=polling",
        )


class NodeSocketIo(SocketIo):
    """socket.io on Node."""

    name = "node socket.io"

    def make_gateway(self, config: Config) -> Part:
        return node("node-socket-io", "socket_io.js", config.port, {"BROKER_URL": config.broker_url})


class NodeWs(Floor):
    """ws on Node."""

    name = "node ws"

    def make_gateway(self, config: Config) -> Part:
        return node("node-ws", "ws.js", config.port, {"BROKER_URL": config.broker_url})


GATEWAYS: tuple[type[Spine], ...] = (NodeWs, NodeSocketIo, PythonSocketIo)
# What a delivery costs python-socketio grows with the tabs: at 10,000 an event takes 2.5 to 5 s of CPU.
PYTHON_SOCKET_IO_TABS = 5_000


def gateways(tabs: int) -> list[type[Spine]]:
    """Those that bring an event to so many tabs while one can wait for it."""
    return [each for each in GATEWAYS if each is not PythonSocketIo or tabs <= PYTHON_SOCKET_IO_TABS]
