"""Real PostgreSQL and RabbitMQ servers: whose, and how they start, stop, crash and start again."""

from shared.testing.servers.children import dies_with_parent
from shared.testing.servers.choice import private_servers, servers_for_demo, servers_for_tests
from shared.testing.servers.folder import FolderInUse, free_port
from shared.testing.servers.postgres import PrivatePostgres
from shared.testing.servers.private import (
    PrivateServer,
    ServerFailed,
    ServerNotInstalled,
    environment_without,
)
from shared.testing.servers.rabbitmq import PrivateRabbitMQ
from shared.testing.servers.readiness import NotReady, postgres_answers, rabbitmq_answers, until_ready
from shared.testing.servers.urls import NoServers, Servers, servers_in

__all__ = [
    "FolderInUse",
    "NoServers",
    "NotReady",
    "PrivatePostgres",
    "PrivateRabbitMQ",
    "PrivateServer",
    "ServerFailed",
    "ServerNotInstalled",
    "Servers",
    "dies_with_parent",
    "environment_without",
    "free_port",
    "postgres_answers",
    "private_servers",
    "rabbitmq_answers",
    "servers_for_demo",
    "servers_for_tests",
    "servers_in",
    "until_ready",
]
