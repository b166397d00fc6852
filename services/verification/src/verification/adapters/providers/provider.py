"""What every provider of numbers can be asked, and how a call to it may end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from shared.providers.errors import ProviderAway
from shared.providers.reading import needed
from shared.texts import made_plain
from verification.domain.orders import Notice, Order, Purchase

if TYPE_CHECKING:
    import httpx

CALL_SECONDS = 8.0
# These say nothing about whether it was done, or that it may be done later.
UNDECIDED = frozenset({408, 409, 425, 429})

# An id is kept as it came or not at all; what people read is made fit to be shown.
Id = Annotated[str, AfterValidator(needed)]
Phone = Annotated[str, AfterValidator(lambda given: made_plain(given, 40)), Field(min_length=1)]
Shown = Annotated[str, AfterValidator(lambda given: made_plain(given, 500))]


class View(BaseModel):
    """A part of a provider's answer: fields we do not know are ignored, and faults quote nothing."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


ViewT = TypeVar("ViewT", bound=View)


class Provider(Protocol):
    """Each call ends within 8 s, and raises ProviderAway where it is unknown whether it was done."""

    @property
    def name(self) -> str:
        """As in settings, in the list of services and in the webhooks' path."""

    @property
    def minimum_cancel_age_seconds(self) -> float:
        """An order younger than that cannot be cancelled."""

    @property
    def settles_seconds(self) -> float:
        """So long after a purchase was begun, what is not in the provider's list will not come to be."""

    async def buy(self, purchase: Purchase) -> Order:
        """Raises Declined where there is definitively no order."""

    async def find(self, purchase: Purchase) -> Sequence[Order]:
        """The orders this purchase may have led to; more than one where they cannot be told apart."""

    async def check(self, order_id: str) -> Order:
        """Raises UnknownOrder."""

    async def cancel(self, order_id: str) -> Order:
        """The order afterwards, which has an SMS if that came first. Raises CancelTooEarly, UnknownOrder."""

    async def finish(self, order_id: str) -> None:
        """Say that the code was of use. Once more, it changes nothing."""

    def verify_webhook(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        """Raises InvalidWebhook."""

    async def close(self) -> None:
        """No call comes after this."""


def read(answer: httpx.Response, view: type[ViewT]) -> ViewT:
    """Raises ProviderAway: an answer that cannot be read decides nothing."""
    if not answer.is_success:
        raise ProviderAway(f"{answer.request.method}: {answer.status_code}")
    try:
        return view.model_validate_json(answer.content)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors())
        raise ProviderAway(f"an answer cannot be read: {faults}") from None
