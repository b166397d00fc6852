"""What everything kept here needs: an id, a time, a timer, and a key that makes it once."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Header
from pydantic import BaseModel, ConfigDict, StringConstraints

from sandbox.problems import Problem

T = TypeVar("T")

Reference = Annotated[str, StringConstraints(pattern=r"^[ -~]{1,200}$")]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(10)}"


def now() -> datetime:
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Timers:
    """Things to do later, one a name; stopped together."""

    def __init__(self) -> None:
        self._handles: dict[str, asyncio.TimerHandle] = {}

    def after(self, seconds: float, name: str, act: Callable[[], None]) -> None:
        def run() -> None:
            del self._handles[name]
            act()

        self._handles[name] = asyncio.get_running_loop().call_later(seconds, run)

    def cancel(self, name: str) -> None:
        handle = self._handles.pop(name, None)
        if handle is not None:
            handle.cancel()

    def stop(self) -> None:
        for name in list(self._handles):
            self.cancel(name)


class Creations(Generic[T]):
    """Objects of one kind by id, by the caller's reference and by the key of the call that made them."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._by_id: dict[str, T] = {}
        self._by_reference: dict[str, T] = {}
        self._answers: dict[str, tuple[str, T | Problem]] = {}

    def once(self, key: str, body: BaseModel, create: Callable[[], T]) -> tuple[T, bool]:
        """The object of this key, and whether it is new. A refusal is repeated too. Raises Problem."""
        fingerprint = body.model_dump_json()
        known = self._answers.get(key)
        if known is None:
            self._answers[key] = (fingerprint, self._try(create))
        elif known[0] != fingerprint:
            detail = "This Idempotency-Key came with another body before."
            raise Problem(422, "idempotency_key_reused", detail)
        answer = self._answers[key][1]
        if isinstance(answer, Problem):
            # Its like: one that is kept would keep, and lengthen, its traceback with every repetition.
            raise Problem(answer.status, answer.code, answer.detail, **answer.fields)
        return answer, known is None

    def free(self, reference: str) -> None:
        """Raises Problem when the reference is taken."""
        if reference in self._by_reference:
            detail = f"There is a {self._kind} with this reference, made with another Idempotency-Key."
            raise Problem(409, "reference_taken", detail)

    def add(self, id_: str, reference: str, made: T) -> None:
        self._by_id[id_] = made
        self._by_reference[reference] = made

    def clear(self) -> None:
        for kept in (self._by_id, self._by_reference, self._answers):
            kept.clear()

    def get(self, id_: str) -> T:
        """Raises Problem."""
        try:
            return self._by_id[id_]
        except KeyError:
            raise Problem(404, "not_found", f"There is no such {self._kind}.") from None

    def of_reference(self, reference: str) -> list[T]:
        return [self._by_reference[reference]] if reference in self._by_reference else []

    def newest(self, most: int) -> list[T]:
        return list(reversed(self._by_id.values()))[:most]

    @staticmethod
    def _try(create: Callable[[], T]) -> T | Problem:
        try:
            return create()
        except Problem as refusal:
            return refusal.with_traceback(None)


async def _idempotency_key(key: Annotated[str, Header(alias="Idempotency-Key")] = "") -> str:
    if not 0 < len(key) <= 255:
        detail = "Send an Idempotency-Key of at most 255 characters; the same one when you repeat the call."
        raise Problem(400, "idempotency_key_required", detail)
    return key


IdempotencyKey = Annotated[str, Depends(_idempotency_key)]
