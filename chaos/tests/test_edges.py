"""Whatever a process is told to call, it calls through a proxy of its own."""

from __future__ import annotations

from urllib.parse import urlsplit

from chaos.edges import Edges
from ledgerbell.processes import Command

TOLD = {
    "LEDGERBELL_BROKER_URL": "amqp://chaos-credit:secret@127.0.0.1:5672/chaos",
    "LEDGERBELL_DATABASE_URL": "postgresql://credit:secret@127.0.0.1:5432/credit",
    "LEDGERBELL_SANDBOX_URL": "http://127.0.0.1:8091",
    "LEDGERBELL_ALLOWED_ORIGINS": "http://127.0.0.1:8080",
    "LEDGERBELL_PORT": "8000",
}


async def test_every_url_leads_to_an_edge_and_all_else_stays() -> None:
    async with Edges() as edges:
        adapted = await edges.adapt(Command("credit", ["python"], TOLD, "http://127.0.0.1:8000/readyz"))
        told = adapted.environment

        edge = edges["credit", "rabbitmq"]
        assert told["LEDGERBELL_BROKER_URL"] == f"amqp://chaos-credit:secret@127.0.0.1:{edge.port}/chaos"
        assert edge.upstreams == [("127.0.0.1", 5672)]
        assert urlsplit(told["LEDGERBELL_DATABASE_URL"]).port == edges["credit", "postgres"].port
        assert told["LEDGERBELL_SANDBOX_URL"] == f"http://127.0.0.1:{edges['credit', 'provider'].port}"
        assert told["LEDGERBELL_ALLOWED_ORIGINS"] == TOLD["LEDGERBELL_ALLOWED_ORIGINS"]
        assert told["LEDGERBELL_PORT"] == "8000"


async def test_another_process_of_a_service_gets_its_share_until_it_is_dropped() -> None:
    async with Edges() as edges:
        await edges.open("refund", "credit", "http://127.0.0.1:8001")
        await edges.open("refund", "rabbitmq", "amqp://127.0.0.1:5672")
        edges.add("credit", "http://127.0.0.1:8002")
        assert edges["refund", "credit"].upstreams == [("127.0.0.1", 8001), ("127.0.0.1", 8002)]
        assert edges["refund", "rabbitmq"].upstreams == [("127.0.0.1", 5672)]

        edges.drop("credit", "http://127.0.0.1:8001")
        assert edges["refund", "credit"].upstreams == [("127.0.0.1", 8002)]
