"""One key, one effect, one answer: a repeated request is replayed, and another body with its key refused."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from uuid import UUID, uuid5

import sqlalchemy as sa
from fastapi import Depends, Header, Request
from sqlalchemy.dialects.postgresql import JSONB

from shared.http.auth import Caller
from shared.http.openapi import KEY_HEADER
from shared.http.problems import Problem

if TYPE_CHECKING:
    from alembic.operations import Operations

KEPT_HOURS = 24


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """The key within its scope (caller and route), and the fingerprint of the body it came with."""

    scope: str
    key: str
    fingerprint: str

    def resource_id(self, namespace: UUID) -> UUID:
        """The id of what the request makes: the same for every repetition, for ever."""
        return uuid5(namespace, f"{self.scope}\n{self.key}")


async def _idempotency_key(
    request: Request,
    identity: Caller,
    idempotency_key: Annotated[str | None, Header(alias=KEY_HEADER, max_length=128)] = None,
) -> IdempotencyKey:
    if not idempotency_key:
        raise Problem(
            400,
            "idempotency_key_missing",
            "Send an Idempotency-Key header: a new UUID for each intent, the same one for its retries.",
        )
    # The path is part of the scope, with its ids: the same key for another account is another intent, and
    # for one's own account it is the same intent under either name.
    path = request.url.path.replace("/me/", f"/{identity.user_id}/")
    scope = f"{identity.user_id} {request.method} {path}"
    return IdempotencyKey(scope, idempotency_key, hashlib.sha256(await request.body()).hexdigest())


Key = Annotated[IdempotencyKey, Depends(_idempotency_key)]


def reused() -> Problem:
    return Problem(
        422, "idempotency_key_reused", "This Idempotency-Key came with another body before; use a new one."
    )


def in_flight() -> Problem:
    return Problem(
        409,
        "idempotency_key_in_flight",
        "The same request is being handled; repeat it in a moment for its answer.",
        headers={"Retry-After": "1"},
    )


def idempotency_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table("idempotency_key", metadata, *_columns())


def create_idempotency(op: Operations) -> None:
    """The table and its two functions, for a service's first migration."""
    op.create_table("idempotency_key", *_columns())
    for function in idempotency_functions():
        op.execute(function)


def idempotency_functions() -> tuple[str, ...]:
    """The statements that create the functions."""
    return (_CLAIM, _ANSWER)


def _columns() -> tuple[sa.Column[object] | sa.Constraint, ...]:
    return (
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("answer", JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("scope", "key"),
    )


# Claims a key within the transaction that does the work. verdict: claimed, replay, reused or in_flight.
# The advisory lock is held to the end of the transaction. It answers "in flight" at once, where waiting for
# the other's row would hold a connection, and it lets the row be written once, with its answer.
_CLAIM = """
CREATE FUNCTION claim_idempotency_key(
    p_scope text, p_key text, p_fingerprint text, OUT verdict text, OUT status smallint, OUT answer jsonb
) LANGUAGE plpgsql AS $$
DECLARE known idempotency_key%ROWTYPE;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(p_scope || ' ' || p_key, 0)) THEN
        verdict := 'in_flight';
        RETURN;
    END IF;
    SELECT * INTO known FROM idempotency_key k WHERE k.scope = p_scope AND k.key = p_key;
    IF NOT FOUND THEN
        verdict := 'claimed';
        RETURN;
    END IF;
    verdict := CASE WHEN known.fingerprint = p_fingerprint THEN 'replay' ELSE 'reused' END;
    status := known.status;
    answer := known.answer;
END $$
"""

# Keeps the answer under a key that this transaction has claimed. (In SQL instead of PL/pgSQL it would be
# planned anew in each call.)
_ANSWER = """
CREATE FUNCTION answer_idempotency_key(
    p_scope text, p_key text, p_fingerprint text, p_status int, p_answer jsonb
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO idempotency_key (scope, key, fingerprint, status, answer)
    VALUES (p_scope, p_key, p_fingerprint, p_status, p_answer);
END $$
"""
