"""Checkpoints follow each other without a gap, each signed and naming the one before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.testing.evidence import KEY
from shared.trail import (
    START,
    Checkpoint,
    Fault,
    Signed,
    check_signed,
    fingerprint,
    read_private_key,
    read_signed,
)

AT = "2026-03-14T09:26:53.589793Z"
KNOWN = {fingerprint(KEY.public_key()): KEY.public_key()}
FIRST = Checkpoint(1, AT, START, 2, bytes([1]) * 32)
SECOND = Checkpoint(2, AT, FIRST.digest(), 1, bytes([2]) * 32)


def signed(checkpoint: Checkpoint) -> Signed:
    return Signed(checkpoint, checkpoint.sign(KEY), fingerprint(KEY.public_key()))


def test_those_that_follow_each_other_are_whole_and_read_back() -> None:
    assert [*check_signed(signed(FIRST), None, KNOWN), *check_signed(signed(SECOND), FIRST, KNOWN)] == []
    assert read_signed(signed(SECOND).members()) == signed(SECOND)


@pytest.mark.parametrize(
    ("next_", "before", "named"),
    [
        (signed(SECOND), None, Fault("checkpoint_missing", "checkpoint 1", "what comes next is 2")),
        (
            signed(SECOND),
            replace(FIRST, leaves=3),
            Fault("checkpoint_altered", "checkpoint 2", "what it names as the one before it is another"),
        ),
        (
            replace(signed(SECOND), checkpoint=replace(SECOND, leaves=3)),
            FIRST,
            Fault("checkpoint_altered", "checkpoint 2", "it is not what was signed"),
        ),
        (
            replace(signed(SECOND), key="ab"),
            FIRST,
            Fault("checkpoint_altered", "checkpoint 2", "it names key ab, which is not known"),
        ),
        (
            replace(signed(SECOND), signature=SECOND.sign(read_private_key("A" * 43 + "="))),
            FIRST,
            Fault("checkpoint_altered", "checkpoint 2", "it is not what was signed"),
        ),
    ],
)
def test_what_is_wrong_with_one_is_named(next_: Signed, before: Checkpoint | None, named: Fault) -> None:
    assert list(check_signed(next_, before, KNOWN)) == [named]


@pytest.mark.parametrize("change", [{"key": "x"}, {"signature": "00"}, {"checkpoint": {}}, {"more": 1}])
def test_what_is_no_signed_checkpoint_is_not_read(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^it"):
        read_signed({**signed(FIRST).members(), **change})
