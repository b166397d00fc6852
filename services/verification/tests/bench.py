"""What tests of verifications work with: the use cases step by step, and a look into both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx

from shared.http.auth import Identity
from shared.money import Money
from shared.testing.identities import Issuer
from verification.adapters.providers.fake import FakeProvider
from verification.domain.machine import State
from verification.domain.services import Service
from verification.handlers import errand, telling
from verification.handlers.requesting import Request, Requesting
from verification.handlers.trade import Trade

if TYPE_CHECKING:
    from asyncpg import Connection, Pool, Record

WHATSAPP = Service("whatsapp", "WhatsApp", Money(100, "USD"), {"fake": "whatsapp"})


def owner(user: str) -> Identity:
    return Identity(user, frozenset({"user"}), 0)


class Books:
    """What both services have written down."""

    def __init__(
        self,
        ours: Connection[Record] | Pool[Record],
        credit: Connection[Record],
        credit_http: httpx.AsyncClient,
        users: Issuer,
    ) -> None:
        self.ours = ours
        self.credit = credit
        self._http = credit_http
        self._users = users

    async def user_with(self, amount: str) -> str:
        user = f"user-{uuid4()}"
        await self._post("/v1/accounts", user, "user", {"currency": "USD"})
        if amount != "0":
            body = {"amount": amount, "currency": "USD", "source": "manual", "reason": "Goodwill"}
            await self._post(f"/v1/accounts/{user}/credits", "op", "operator", body)
        return user

    async def _post(self, path: str, caller: str, role: str, body: dict[str, str]) -> None:
        headers = {
            "authorization": f"Bearer {self._users.token(caller, [role])}",
            "idempotency-key": str(uuid4()),
        }
        answer = await self._http.post(path, json=body, headers=headers)
        assert answer.status_code == 201, answer.text

    async def row(self, id_: UUID) -> Record:
        row = await self.ours.fetchrow("SELECT * FROM verification WHERE id = $1", id_)
        assert row is not None
        return row

    async def state(self, id_: UUID) -> str:
        return str((await self.row(id_))["state"])

    async def published(self, user: str) -> list[str]:
        """The types of our events about this user, in the order in which they occurred."""
        rows = await self.ours.fetch(
            "SELECT type FROM outbox WHERE user_id = $1 ORDER BY occurred_at, id", user
        )
        return [row["type"].removeprefix("verification.").removesuffix(".v1") for row in rows]

    async def account(self, user: str) -> tuple[int, int]:
        """Posted and held."""
        row = await self.credit.fetchrow("SELECT posted, held FROM account WHERE user_id = $1", user)
        assert row is not None
        return row["posted"], row["held"]

    async def hold(self, id_: UUID) -> str | None:
        """The status of this verification's hold."""
        reference = (await self.row(id_))["reference"]
        return str(await self.credit.fetchval("SELECT status FROM hold WHERE reference = $1", reference))

    async def deductions(self, id_: UUID) -> list[Record]:
        reference = (await self.row(id_))["reference"]
        query = "SELECT * FROM transfer WHERE kind = 'deduction' AND reference = $1"
        return await self.credit.fetch(query, reference)

    async def put(self, id_: UUID, assignments: str) -> None:
        """Let time pass, or the like, in the row."""
        await self.ours.execute(f"UPDATE verification SET {assignments} WHERE id = $1", id_)  # noqa: S608


class Bench:
    """A trade with a fake provider and the real ledger."""

    def __init__(self, trade: Trade, provider: FakeProvider, books: Books) -> None:
        self.trade = trade
        self.provider = provider
        self.books = books

    async def request(
        self, user: str, id_: UUID | None = None, *, fingerprint: str = "f", max_active: int = 20
    ) -> Record:
        request = Request(id_ or uuid4(), fingerprint, user, WHATSAPP, "fake", "any")
        return await Requesting(self.trade, max_active).request(request)

    async def run(self, id_: UUID) -> str:
        """What is due now, or would be some time; returns the state afterwards."""
        await errand.do(self.trade, id_)
        return await self.books.state(id_)

    async def requested(self, amount: str = "5.00") -> UUID:
        row = await self.request(await self.books.user_with(amount))
        assert row["state"] == State.REQUESTED
        return UUID(str(row["id"]))

    async def awaiting(self) -> UUID:
        id_ = await self.requested()
        assert await self.run(id_) == State.AWAITING_SMS
        return id_

    async def user_of(self, id_: UUID) -> str:
        return str((await self.books.row(id_))["user_id"])

    async def order_id(self, id_: UUID) -> str:
        return str((await self.books.row(id_))["order_id"])

    async def told(self, id_: UUID, order_id: str | None = None, event_id: str | None = None) -> UUID:
        """The provider's webhook about its order arrives; what it is stored as."""
        event = event_id or f"evt-{uuid4()}"
        body = f"{event} {order_id or await self.order_id(id_)}".encode()
        await telling.receive(self.trade, self.provider, body, {"signature": "valid"})
        hint = await self.books.ours.fetchval("SELECT id FROM webhook WHERE event_id = $1", event)
        return UUID(str(hint))

    async def hinted(self, id_: UUID, order_id: str | None = None) -> str | None:
        """The webhook arrives and is worked off; what came of it."""
        hint = await self.told(id_, order_id)
        await telling.process(self.trade, hint)
        return await self.outcome(hint)

    async def outcome(self, hint: UUID) -> str | None:
        found = await self.books.ours.fetchval("SELECT outcome FROM webhook WHERE id = $1", hint)
        return None if found is None else str(found)


class Api:
    """The HTTP face, as different callers see it; behind it nothing works but what a call itself does."""

    def __init__(self, http: httpx.AsyncClient, users: Issuer) -> None:
        self._http = http
        self._users = users

    async def call(self, method: str, path: str, caller: str, role: str = "user") -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {self._users.token(caller, [role])}"}
        answer = await self._http.request(method, f"/v1/verifications{path}", headers=headers)
        return answer.status_code, answer.json()

    async def tell(self, provider: str, body: bytes, headers: dict[str, str]) -> int:
        """A provider's webhook; the status of the answer."""
        answer = await self._http.post(f"/webhooks/{provider}", content=body, headers=headers)
        return answer.status_code
