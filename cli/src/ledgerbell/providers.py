"""What happens at the sandboxes, for stories and tests: cards are charged, codes sent, calls made to fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx

Press = Literal["pay", "decline", "abandon"]


@dataclass(frozen=True, slots=True)
class Providers:
    """``headers`` are a merchant's at both. Raises httpx.HTTPStatusError when a sandbox refuses."""

    http: httpx.AsyncClient
    payments_url: str
    sms_url: str
    headers: dict[str, str]

    async def press(self, checkout_url: str, button: Press, faults: str = "") -> None:
        """Open the checkout page and press one of its buttons, as a person would.

        ``faults`` hit what the merchant is told of it.
        """
        page = f"{self.payments_url}{urlsplit(checkout_url).path}"  # From where we are, its host may differ.
        (await self.http.get(page)).raise_for_status()
        pressed = await self.http.post(f"{page}/{button}", data={"faults": faults})
        if pressed.status_code >= 400:
            pressed.raise_for_status()

    async def checkout(self, reference: str) -> dict[str, Any]:
        return await self._found(f"{self.payments_url}/v1/checkouts", reference)

    async def order(self, reference: str) -> dict[str, Any]:
        return await self._found(f"{self.sms_url}/v1/orders", reference)

    async def send_sms(self, reference: str, code: str) -> None:
        order = await self.order(reference)
        await self._post(f"{self.sms_url}/v1/orders/{order['id']}/sms", {"code": code})

    async def is_finished(self, reference: str) -> bool:
        """Whether the buyer has told that the code was of use: nothing more is to come of the order."""
        return bool((await self.order(reference))["status"] == "finished")

    async def time_out(self, reference: str) -> None:
        """The provider's own deadline has passed without an SMS."""
        order = await self.order(reference)
        await self._post(f"{self.sms_url}/v1/orders/{order['id']}/timeout", {})

    async def play(self, where: Literal["payments", "sms"], path_prefix: str, faults: str) -> None:
        """The next call such as ``POST /v1/refunds`` meets these faults; sandbox/README.md lists them."""
        base = self.payments_url if where == "payments" else self.sms_url
        body = {"path_prefix": path_prefix, "faults": faults, "times": 1}
        await self._post(f"{base}/v1/faults/next", body)

    async def _found(self, url: str, reference: str) -> dict[str, Any]:
        """Raises LookupError while the provider knows nothing under the reference."""
        answer = await self.http.get(url, params={"reference": reference}, headers=self.headers)
        items: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
        if not items:
            raise LookupError(f"nothing at {url} under {reference}")
        return items[0]

    async def _post(self, url: str, body: dict[str, Any]) -> None:
        (await self.http.post(url, json=body, headers=self.headers)).raise_for_status()
