"""What other services call credit with, against credit itself."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import httpx
import pytest

from shared.http.auth import ServiceToken
from shared.http.credit import Credit, CreditAway, CreditRefused, credit_client
from shared.money import Money
from shared.testing.identities import KeyPair

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from asyncpg import Connection, Record
    from fastapi import FastAPI

    from services.credit.tests.conftest import Api
    from shared.testing.identities import Issuer


@pytest.fixture
async def credit(app: FastAPI, services: Issuer) -> AsyncIterator[Credit]:
    async with credit_client("http://credit", transport=httpx.ASGITransport(app)) as http:
        yield Credit(http, ServiceToken(services.kid, services.pair.private))


async def hold(credit: Credit, user: str) -> UUID:
    return await credit.place_hold(
        user, Money(400, "USD"), key=str(uuid4()), reason="WhatsApp", expires_in_seconds=600
    )


async def test_nobody_sets_aside_anothers_credits_by_their_own_name(credit: Credit, api: Api) -> None:
    victim = await api.user_with("10.00")

    for name in (f"{victim}/holds?x=", f"{victim}/holds#", f"x/../{victim}", f"{victim}%2Fholds"):
        with pytest.raises(CreditRefused) as refused:
            await hold(credit, name)
        assert refused.value.status == 404

    assert (await api.balance(victim))["available"] == "10.00"


async def test_a_hold_ends_once_and_says_how(credit: Credit, api: Api) -> None:
    user = await api.user_with("10.00")
    voided, posted = await hold(credit, user), await hold(credit, user)
    transfer = await credit.post_hold(posted)

    assert await credit.end_hold(voided) is None
    assert await credit.end_hold(voided) is None
    assert await credit.end_hold(posted) == transfer
    assert (await api.balance(user))["available"] == "6.00"


async def test_it_is_known_who_has_an_account_in_which_currency(
    credit: Credit, api: Api, owner: Connection[Record]
) -> None:
    user, closed = await api.user_with(), await api.user_with()
    await owner.execute("UPDATE account SET closed_at = now() WHERE user_id = $1", closed)

    assert await credit.has_account(user, "USD")
    assert not await credit.has_account(user, "EUR")
    assert not await credit.has_account(closed, "USD")
    assert not await credit.has_account(f"user-{uuid4()}", "USD")


async def test_a_token_that_is_not_taken_decides_nothing(app: FastAPI, api: Api) -> None:
    user = await api.user_with("10.00")
    stranger = ServiceToken("verification", KeyPair.generate().private)
    async with credit_client("http://credit", transport=httpx.ASGITransport(app)) as http:
        with pytest.raises(CreditAway):
            await hold(Credit(http, stranger), user)

    assert (await api.balance(user))["available"] == "10.00"
