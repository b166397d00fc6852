"""The servers tests and the demo run against: chosen well, durable, private, and gone with their owner."""

import asyncio
import os
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiormq
import asyncpg
import httpx
import pytest

from shared.testing.servers import (
    FolderInUse,
    NoServers,
    PrivatePostgres,
    PrivateRabbitMQ,
    Servers,
    servers_for_tests,
    servers_in,
)
from shared.testing.servers.children import marked
from shared.testing.waiting import until

NAMED = {
    "LEDGERBELL_POSTGRES_URL": "postgresql://a@h/postgres",
    "LEDGERBELL_RABBITMQ_URL": "amqp://a@h/",
    "LEDGERBELL_RABBITMQ_MANAGEMENT_URL": "http://a@h",
}

# Starts both servers in the folder it is given, says so, and waits to be killed.
OWNER = """
import asyncio, signal, sys
from pathlib import Path
from shared.testing.servers import private_servers

signal.signal(signal.SIGINT, signal.default_int_handler)  # Jobs in the background ignore it.

async def main():
    async with private_servers(Path(sys.argv[1])):
        print("ready", flush=True)
        await asyncio.Event().wait()

try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("ended in order", flush=True)
"""


# Which servers


def test_all_three_urls_name_the_servers() -> None:
    assert servers_in(NAMED | {"PATH": "/bin"}) == Servers(*NAMED.values())


def test_no_url_names_no_servers() -> None:
    assert servers_in({"PATH": "/bin", "LEDGERBELL_POSTGRES_URL": ""}) is None


@pytest.mark.parametrize("missing", NAMED)
def test_some_urls_without_the_others_are_refused(missing: str) -> None:
    with pytest.raises(NoServers, match=missing):
        servers_in({name: url for name, url in NAMED.items() if name != missing})


async def test_an_unknown_choice_of_servers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGERBELL_TEST_SERVERS", "docker")

    with pytest.raises(NoServers, match="docker"):
        async with servers_for_tests():
            pass


# PostgreSQL


@pytest.fixture
async def postgres(tmp_path: Path) -> AsyncIterator[PrivatePostgres]:
    async with PrivatePostgres(tmp_path / "postgres") as server:
        yield server


async def _rows(server: PrivatePostgres, *statements: str) -> int:
    """Execute the statements and count the rows of the table ``seen``."""
    connection = await asyncpg.connect(server.url)
    try:
        for statement in statements:
            await connection.execute(statement)
        return int(await connection.fetchval("SELECT count(*) FROM seen"))
    finally:
        await connection.close()


@pytest.mark.servers
async def test_committed_rows_survive_the_crash_of_the_database(postgres: PrivatePostgres) -> None:
    await _rows(postgres, "CREATE TABLE seen (n int)", "INSERT INTO seen VALUES (1), (2)")
    url, mark = postgres.url, postgres.mark

    postgres.kill()
    assert not marked(mark, "postgres")
    await postgres.start()

    assert await _rows(postgres) == 2
    assert postgres.url == url


@pytest.mark.servers
async def test_a_folder_keeps_data_port_and_password_for_its_next_owner(tmp_path: Path) -> None:
    async with PrivatePostgres(tmp_path) as first:
        await _rows(first, "CREATE TABLE seen (n int)", "INSERT INTO seen VALUES (1)")

    async with PrivatePostgres(tmp_path) as second:
        assert await _rows(second) == 1
        assert second.url == first.url


@pytest.mark.servers
async def test_a_port_that_was_taken_meanwhile_is_replaced(tmp_path: Path) -> None:
    async with PrivatePostgres(tmp_path) as first:
        pass

    with socket.create_server(("127.0.0.1", first.ports["sql"])):
        async with PrivatePostgres(tmp_path) as second:
            assert second.ports["sql"] != first.ports["sql"]


@pytest.mark.servers
async def test_a_pid_file_that_names_a_stranger_does_not_hinder_the_start(postgres: PrivatePostgres) -> None:
    pid_file = postgres.data / "postmaster.pid"
    left_behind = pid_file.read_text()
    postgres.kill()

    pid_file.write_text(left_behind.replace(left_behind.splitlines()[0], str(os.getpid()), 1))
    await postgres.start()

    assert postgres.running


@pytest.mark.servers
async def test_a_folder_has_one_owner_at_a_time(postgres: PrivatePostgres) -> None:
    with pytest.raises(FolderInUse):
        await PrivatePostgres(postgres.folder.path).start()


@pytest.mark.servers
async def test_a_first_start_that_was_cut_off_is_made_good(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "half").write_text("made")

    async with PrivatePostgres(tmp_path) as server:
        assert server.running


@pytest.mark.servers
async def test_secrets_are_for_their_owner_only(postgres: PrivatePostgres) -> None:
    state = postgres.folder.path / "state.json"

    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.url, password="wrong")


@pytest.mark.servers
async def test_a_temporary_folder_is_gone_afterwards() -> None:
    async with PrivatePostgres() as server:
        folder = server.folder.path
        assert folder.exists()

    assert not folder.exists()


# RabbitMQ


@pytest.mark.servers
async def test_confirmed_messages_survive_the_crash_of_the_broker_and_guest_is_nobody() -> None:
    async with PrivateRabbitMQ() as broker:
        await _publish(broker, b"kept")
        await until(lambda: _queue_is_on_disk(broker))
        epmd = broker.ports["epmd"]
        broker.kill()
        assert not marked(broker.mark, "beam.smp")
        await broker.start()

        assert await _get(broker) == b"kept"
        stranger = httpx.URL(broker.management_url, username="guest", password="guest")
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{stranger}/api/whoami")).status_code == 401
        assert _listening_beyond_loopback(broker) == []

    assert not _answers(epmd), "no epmd is left behind"


async def _publish(broker: PrivateRabbitMQ, body: bytes) -> None:
    connection = await aiormq.connect(broker.amqp_url)
    channel = await connection.channel(publisher_confirms=True)
    await channel.queue_declare("kept", durable=True, arguments={"x-queue-type": "quorum"})
    await channel.basic_publish(body, routing_key="kept")
    await connection.close()


async def _queue_is_on_disk(broker: PrivateRabbitMQ) -> bool:
    """A quorum queue's name gets there within three seconds; a crash before leaves it without a leader."""
    return any(b"kept" in names.read_bytes() for names in broker.data.glob("*/quorum/*/names.dets"))


async def _get(broker: PrivateRabbitMQ) -> bytes:
    connection = await aiormq.connect(broker.amqp_url)
    channel = await connection.channel()
    message = await until(lambda: _fetch(channel))
    await connection.close()
    return message


async def _fetch(channel: aiormq.abc.AbstractChannel) -> bytes:
    return (await channel.basic_get("kept", no_ack=True)).body


def _listening_beyond_loopback(broker: PrivateRabbitMQ) -> list[str]:
    """Addresses of the broker's ports that other machines could reach, from the kernel's table."""
    ports = {f"{port:04X}" for port in broker.ports.values()}
    tables = [Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table.splitlines()]
    local = [address for _, address, _, state, *_ in rows if state == "0A"]
    loopback = ("0100007F", "00000000000000000000000001000000")
    return [a for a in local if a.split(":")[1] in ports and a.split(":")[0] not in loopback]


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# The owner's end


@pytest.mark.servers
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_no_server_outlives_its_owner(tmp_path: Path, how: signal.Signals) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    assert await owner.stdout.readline() == b"ready\n"
    postgres, rabbitmq = (_mark(tmp_path / name) for name in ("postgres", "rabbitmq"))
    assert marked(postgres, "postgres")
    assert marked(rabbitmq, "beam.smp")

    async def nothing_left() -> bool:
        return not marked(postgres, "postgres") and not marked(rabbitmq, "beam.smp")

    owner.send_signal(how)
    await until(nothing_left)

    said, _ = await owner.communicate()
    assert said == (b"ended in order\n" if how == signal.SIGINT else b"")


def _mark(folder: Path) -> str:
    state = (folder / "state.json").read_text()
    return state.split('"mark": "')[1].split('"')[0]
