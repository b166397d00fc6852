"""A link to a real broker: closed in every case, and a check of what has to be there."""

from __future__ import annotations

import asyncio

import pytest

from shared.messaging import MissingBrokerObject
from shared.messaging.connection import open_link, preflight
from shared.testing.namespace import Namespace


async def test_a_link_whose_closing_is_cancelled_is_closed_all_the_same(namespace: Namespace) -> None:
    link = await open_link(namespace.broker_url("credit"), "hasty", confirms=False)
    closing = asyncio.create_task(link.close())
    await asyncio.sleep(0)  # It has begun.

    closing.cancel()

    with pytest.raises(asyncio.CancelledError):
        await closing
    assert link.connection.is_closed


async def test_preflight_names_what_is_missing(namespace: Namespace) -> None:
    with pytest.raises(MissingBrokerObject, match=r"no queue 'notifier\.nobody'"):
        await preflight(namespace.admin_broker_url, "test", queues=("notifier.critical", "notifier.nobody"))
