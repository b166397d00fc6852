"""The whole system on this machine: databases, broker, and every service as its own process."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self, TextIO, TypeAlias
from uuid import uuid4

import httpx

from ledgerbell.prepare import MIGRATIONS
from ledgerbell.processes import Command, Supervisor
from ledgerbell.secrets import CALLED, SANDBOXES, SIGN_IN, webhook_secret
from shared.http.auth import SERVICE, USER, ServiceToken
from shared.testing.identities import Issuer, KeyPair, auth_keys
from shared.testing.namespace import Namespace, remove
from shared.testing.servers import Servers, environment_without, free_port

MODULES = {
    "credit": "credit",
    "payment": "payment",
    "refund": "refund",
    "verification": "verification",
    "monitor": "monitor",
    "notifier": "notifier",
    "ws-gateway": "ws_gateway",
}
PAGE_PORT = 8080

Adapt: TypeAlias = Callable[[Command], Awaitable[Command]]


async def as_it_is(command: Command) -> Command:
    return command


@dataclass(frozen=True)
class _Secrets:
    """What must be the same at the next start."""

    password: str
    ticket_secret: str
    sandbox_api_key: str
    sandbox_webhook_secret: str
    users: dict[str, str]
    sign_in: dict[str, str]
    services: dict[str, dict[str, str]]
    trail: dict[str, str]

    @classmethod
    def kept_in(cls, folder: Path) -> _Secrets:
        """What an earlier release did not know of is added."""
        file = folder / "secrets.json"
        kept = json.loads(file.read_text()) if file.exists() else {}
        made = cls(**asdict(cls.generate()) | kept)
        draft = folder / ".secrets.json"
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(made)))
        draft.replace(file)  # Whole or not at all.
        return made

    @classmethod
    def generate(cls) -> _Secrets:
        return cls(
            password=secrets.token_hex(24),
            ticket_secret=secrets.token_hex(32),
            sandbox_api_key=secrets.token_hex(24),
            sandbox_webhook_secret=webhook_secret(),
            users=asdict(KeyPair.generate()),
            sign_in=asdict(KeyPair.generate()),
            services={
                caller: asdict(KeyPair.generate()) for callers in CALLED.values() for caller in callers
            },
            trail=asdict(KeyPair.generate()),
        )


class Stack:
    """Everything running while it is entered. ``folder`` keeps its secrets.

    Named ``name`` on the servers, so that several can share them; ``temporary`` ones are removed at the end.
    ``sites`` are origins of other pages that may use the gateway. ``adapt`` may change what each process is
    told before it is started, such as where its neighbours are.
    """

    def __init__(
        self,
        servers: Servers,
        folder: Path,
        *,
        name: str = "ledgerbell",
        temporary: bool = False,
        gateway_port: int | None = None,
        services: Sequence[str] = tuple(MODULES),
        sites: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        adapt: Adapt = as_it_is,
        log: TextIO | None = None,
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = _Secrets.kept_in(folder)
        self._kept = kept
        self._issuer = Issuer(KeyPair(**kept.users))
        self._sign_in = KeyPair(**kept.sign_in)
        self._service_keys = {service: KeyPair(**pair) for service, pair in kept.services.items()}
        self._temporary = temporary
        self._sites = sites
        self._settings = dict(settings or {})
        self._adapt = adapt
        self._corner = Namespace(servers, name, kept.password)
        self._databases: dict[str, str] = {}
        self._services = services
        self._sandboxes = [name for name, service in SANDBOXES.items() if service in services]
        ports = iter(_distinct_ports(len(SANDBOXES) + 2 * len(MODULES)))
        self._ports = {name: next(ports) for name in (*SANDBOXES, *MODULES)}
        self._metrics_ports = {name: next(ports) for name in MODULES}
        if gateway_port is not None:
            self._ports["ws-gateway"] = free_port(str(gateway_port))
        self._leaving = AsyncExitStack()
        self._http = httpx.AsyncClient(trust_env=False, timeout=30)
        self.supervisor = Supervisor(log)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as entering:
            if self._temporary:
                entering.push_async_callback(remove, self._corner)
            await self._corner.apply_topology()
            for service, migrations in MIGRATIONS.items():
                if service in self._services:
                    self._databases[service] = (await self._corner.database(service, migrations)).url
            await entering.enter_async_context(self._http)
            await entering.enter_async_context(self.supervisor)
            async with asyncio.TaskGroup() as starting:
                for sandbox in self._sandboxes:
                    starting.create_task(self._run(self._sandbox_command(sandbox)))
                for service in self._services:
                    starting.create_task(self._run(self._command(service, service)))
            self._leaving = entering.pop_all()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._leaving.aclose()

    # -------------------------------------------------------------- where it is

    @property
    def gateway_url(self) -> str:
        return self._url("ws-gateway")

    @property
    def credit_url(self) -> str:
        return self._url("credit")

    @property
    def notifier_url(self) -> str:
        return self._url("notifier")

    def service_url(self, service: str) -> str:
        return self._url(service)

    @property
    def payment_provider_url(self) -> str:
        """The sandbox's, with its checkout pages."""
        return self._url("sandbox-payments")

    @property
    def sms_provider_url(self) -> str:
        return self._url("sandbox-sms")

    @property
    def provider_headers(self) -> dict[str, str]:
        """What the sandboxes take from a merchant, and so from a test that plays a failure."""
        return {"authorization": f"Bearer {self._kept.sandbox_api_key}"}

    @property
    def webhook_secret(self) -> str:
        """With which the sandboxes sign what they tell."""
        return self._kept.sandbox_webhook_secret

    @property
    def trail_public_key(self) -> str:
        """With which evidence is verified."""
        return self._kept.trail["public"]

    @property
    def corner(self) -> Namespace:
        """Its databases and virtual host."""
        return self._corner

    def database_url(self, service: str) -> str:
        """The service's own database, as the service."""
        return self._databases[service]

    def token(self, user_id: str, roles: Sequence[str] = ("user",), seconds: int = 3600) -> str:
        return self._issuer.token(user_id, roles, seconds)

    def service_token(self, service: str) -> str:
        """As the service signs for its own calls."""
        return ServiceToken(service, self._service_keys[service].private)()

    async def metrics(self, service: str) -> str:
        """What Prometheus would read there."""
        answer = await self._http.get(f"http://127.0.0.1:{self._metrics_ports[service]}/metrics")
        return answer.raise_for_status().text

    async def until_ready(self) -> None:
        """Wait until every service is ready (again). Raises ProcessFailed."""
        for service in self._services:
            await self.supervisor.ready(service)

    async def replicate(self, service: str) -> str:
        """Run one more process of it beside the others; returns its name, such as ``credit-2``.

        Raises ProcessFailed; it does not stay then, nor where we are cancelled.
        """
        name = next(name for n in count(2) if (name := f"{service}-{n}") not in self._ports)
        for ports in (self._ports, self._metrics_ports):
            taken = frozenset([*self._ports.values(), *self._metrics_ports.values()])
            ports[name] = free_port(None, taken=taken)
        command = await self._adapt(self._command(service, name))
        try:
            await self.supervisor.run(command)
        except BaseException:
            await self.supervisor.stop(name)
            raise
        return name

    async def _run(self, command: Command) -> None:
        await self.supervisor.run(await self._adapt(command))

    # -------------------------------------------------------------- a user's money

    async def open_account(
        self, user_id: str, currency: str, low_balance_threshold: str | None = None
    ) -> None:
        body = {"currency": currency}
        if low_balance_threshold is not None:
            body["low_balance_threshold"] = low_balance_threshold
        await self._post("/v1/accounts", body, user_id)

    async def add_credits(self, user_id: str, amount: str, reason: str = "Test") -> str:
        """Returns the transfer's id."""
        body = {"amount": amount, "currency": "USD", "source": "manual", "reason": reason}
        return await self._post(f"/v1/accounts/{user_id}/credits", body, "operator", ("operator",))

    async def debit(self, user_id: str, amount: str, reason: str = "Test") -> str:
        """Returns the transfer's id."""
        body = {"amount": amount, "currency": "USD", "reason": reason}
        return await self._post(f"/v1/accounts/{user_id}/debits", body, user_id)

    async def _post(
        self, path: str, body: dict[str, str], caller: str, roles: Sequence[str] = ("user",)
    ) -> str:
        headers = {"authorization": f"Bearer {self.token(caller, roles)}", "idempotency-key": str(uuid4())}
        answer = await self._http.post(f"{self.credit_url}{path}", json=body, headers=headers)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return str(found.get("transfer_id", ""))

    # -------------------------------------------------------------- what each process is told

    def _url(self, service: str) -> str:
        return f"http://127.0.0.1:{self._ports[service]}"

    def _command(self, service: str, name: str) -> Command:
        return Command(
            name,
            [sys.executable, "-m", MODULES[service]],
            environment_without("LEDGERBELL_") | self._environment(service, name),
            f"{self._url(name)}/readyz",
        )

    def _environment(self, service: str, name: str) -> dict[str, str]:
        callers = [
            self._service_keys[caller].verifier(caller, [SERVICE]) for caller in CALLED.get(service, ())
        ]
        settings = {
            "broker_url": self._corner.broker_url(service),
            "auth_keys": auth_keys(self._issuer.key(), self._sign_in.verifier(SIGN_IN, [USER]), *callers),
            "port": str(self._ports[name]),
            "metrics_port": str(self._metrics_ports[name]),
        }
        if service in self._databases:
            settings["database_url"] = self._databases[service]
        if service in self._service_keys:
            settings["service_key"] = self._service_keys[service].private
        if service in CALLED["credit"]:
            settings["credit_url"] = self.credit_url
        if service in SANDBOXES.values():
            settings |= self._provider(service)
        if service == "notifier":
            settings["trail_key"] = self._kept.trail["private"]
        if service == "ws-gateway":
            settings |= self._gateway()
        settings |= self._settings
        return {f"LEDGERBELL_{name.upper()}": value for name, value in settings.items()}

    def _provider(self, service: str) -> dict[str, str]:
        sandbox = next(name for name, ours in SANDBOXES.items() if ours == service)
        return {
            "sandbox_url": self._url(sandbox),
            "sandbox_api_key": self._kept.sandbox_api_key,
            "sandbox_webhook_secrets": self._kept.sandbox_webhook_secret,
        }

    def _gateway(self) -> dict[str, str]:
        origin = self._ports["ws-gateway"]
        return {
            f"{service.replace('-', '_')}_url": self._url(service)
            for service in MODULES
            if service != "ws-gateway"
        } | {
            "ticket_secret": self._kept.ticket_secret,
            "environment": "demo",
            "demo_sign_in_key": self._sign_in.private,
            "allowed_origins": ",".join(
                [f"http://127.0.0.1:{origin}", f"http://localhost:{origin}", *self._sites]
            ),
        }

    def _sandbox_command(self, sandbox: str) -> Command:
        url, service = self._url(sandbox), SANDBOXES[sandbox]
        settings = {
            "port": str(self._ports[sandbox]),
            "api_key": self._kept.sandbox_api_key,
            "webhook_url": f"{self._url(service)}/webhooks/sandbox",
            "webhook_secret": self._kept.sandbox_webhook_secret,
        }
        return Command(
            sandbox,
            [sys.executable, "-m", "sandbox", sandbox.removeprefix("sandbox-")],
            environment_without("SANDBOX_")
            | {f"SANDBOX_{name.upper()}": value for name, value in settings.items()},
            f"{url}/readyz",
        )


def _distinct_ports(count: int) -> list[int]:
    ports: list[int] = []
    while len(ports) < count:
        ports.append(free_port(None, taken=frozenset(ports)))
    return ports
