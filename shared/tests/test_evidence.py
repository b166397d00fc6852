"""What a bundle holds, and whatever is done to it is found and named by its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from uuid import UUID, uuid4

import orjson
import pytest

from shared.testing.evidence import KEY, TRANSFER, Trail, made_up_trail
from shared.trail import (
    START,
    Broken,
    BundleWriter,
    Concern,
    Cover,
    Entry,
    NoBundle,
    canonical,
    fingerprint,
    link,
    read_bundle,
    read_private_key,
    verify,
)

PUBLIC = KEY.public_key()
TRAIL = made_up_trail()
BUNDLE = TRAIL.bundle()
SEALED = TRAIL.sealed
# Lines count from 1: the header, then each place, the checkpoint, what is not sealed, the end.
COVER, END = SEALED + 2, len(BUNDLE)

AT = "2026-03-14T09:26:53.589793Z"


# What a bundle holds ----------------------------------------------------------------------------------------


def test_a_bundle_as_written_is_good_and_says_what_was_written() -> None:
    verdict = verify(BUNDLE, PUBLIC)

    assert verdict.good
    assert verdict.problem is None
    bundle = verdict.bundle
    assert bundle == read_bundle(BUNDLE)
    assert bundle is not None
    assert (bundle.header.user_id, bundle.header.transfer_id) == ("alice", TRANSFER)
    assert bundle.places == SEALED
    assert [entry.what for entry in bundle.entries] == [
        "stored",
        "suppressed",
        "pushed",
        "pushed",
        "acknowledged",
        "acknowledged",
    ]
    assert [entry.what for entry in bundle.unsealed] == ["read", "acknowledged"]
    assert bundle.cover is not None
    assert (bundle.cover.place, bundle.cover.checkpoint.number) == (SEALED, 41)


def test_a_bundle_is_written_as_it_always_was() -> None:
    """Bundles are kept for years: another way to write them needs another name for the format."""
    digest = "5bc709eba49f97d039b8dc23a81514a7177ab6bd172813aaff473d5e58cb2f2c"
    assert sha256(b"".join(BUNDLE)).hexdigest() == digest


def test_what_others_were_told_is_not_in_it() -> None:
    assert TRAIL.entries[0].detail["title"] == "➕ Added"
    assert not any("➕ Added".encode() in line for line in BUNDLE)


@pytest.mark.parametrize("sealed", [0, 1, 30])
def test_nothing_sealed_or_little_is_good_too(sealed: int) -> None:
    trail = Trail(TRAIL.entries, sealed)
    lines = trail.bundle()

    verdict = verify(lines, PUBLIC)

    assert verdict.problem is None
    assert verdict.bundle is not None
    assert (verdict.bundle.cover is None) == (sealed == 0)
    assert len(verdict.bundle.entries) + len(verdict.bundle.unsealed) == 8


def test_a_bundle_of_nothing_is_good_and_can_be_told_from_less() -> None:
    lines = Trail(TRAIL.entries[:3], 0).bundle(uuid4())

    assert len(lines) == 2
    assert verify(lines, PUBLIC).good
    assert not verify(lines[:1], PUBLIC).good
    assert not verify([], PUBLIC).good


# Found, and where -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "line"), [(1, 2), (SEALED // 2, SEALED // 2 + 1), (SEALED, SEALED + 1)])
def test_an_entry_is_named_by_its_place(place: int, line: int) -> None:
    at = line - 1
    dropped = verify(BUNDLE[:at] + BUNDLE[at + 1 :], PUBLIC).problem
    repeated = verify([*BUNDLE[:line], *BUNDLE[at:]], PUBLIC).problem
    assert dropped is not None
    assert repeated is not None
    assert (dropped.kind, dropped.place, dropped.line) == ("dropped", place, line)
    assert dropped.message == f"entry {place} was dropped: it should stand on line {line}"
    assert (repeated.kind, repeated.place, repeated.line) == ("repeated", place, line + 1)
    if place > 1:
        swapped = verify([*BUNDLE[: at - 1], BUNDLE[at], BUNDLE[at - 1], *BUNDLE[at + 1 :]], PUBLIC).problem
        assert swapped is not None
        assert (swapped.kind, swapped.place, swapped.line) == ("reordered", place - 1, line - 1)


def test_a_row_that_was_altered_in_the_database_is_named() -> None:
    """The bundle is honest, then, and what it was made of is not."""
    place = next(each.place for each in TRAIL.entries if each.transfer_id == TRANSFER)
    assert place is not None
    lines = _as_exported(lambda each: replace(each, at=AT) if each.place == place else each)
    problem = verify(lines, PUBLIC).problem
    assert problem is not None
    assert (problem.kind, problem.place, problem.line) == ("altered", place, place + 1)


@pytest.mark.parametrize("place", [1, SEALED // 2 - 1, SEALED // 2, SEALED // 2 + 1, SEALED - 1, SEALED])
def test_a_row_that_is_gone_from_the_database_is_named_as_dropped(place: int) -> None:
    """Whatever it told of, and whatever the next one does."""
    problem = verify(_as_exported(lambda each: None if each.place == place else each), PUBLIC).problem
    assert problem is not None
    assert (problem.kind, problem.place, problem.line) == ("dropped", place, place + 1)


def _as_exported(change: Callable[[Entry], Entry | None]) -> list[bytes]:
    """With the hashes that were kept, of entries that have been changed since, or are gone."""
    writer = BundleWriter("alice", TRANSFER, AT, KEY)
    lines, hash_, concern = [writer.header()], START, Concern(TRANSFER)
    for each in TRAIL.entries[:SEALED]:
        hash_ = link(hash_, each.digest())
        if (now := change(each)) is not None:
            lines.append(writer.sealed(now, hash_, whole=concern(each)))
    return [*lines, BUNDLE[COVER - 1], writer.end()]


@pytest.mark.parametrize(
    ("broken", "said", "place"),
    [
        (Broken("seal", SEALED + 1), f"entry {SEALED + 1} has lost its seal", SEALED + 1),
        (
            Broken("checkpoint", 41),
            f"checkpoint 41 is missing from the trail; it covered entry {SEALED}",
            None,
        ),
        (Broken("root", 41), "checkpoint 41 cannot be shown: a seal under it, of this user or another", None),
    ],
)
def test_what_was_broken_before_the_export_is_named_as_the_export_says(
    broken: Broken, said: str, place: int | None
) -> None:
    lines = _covered_by(broken)
    problem = verify(lines, PUBLIC).problem
    put_in = verify([*BUNDLE[: COVER - 1], lines[-2], *BUNDLE[COVER - 1 :]], PUBLIC).problem

    assert problem is not None
    assert said in problem.message
    assert (problem.place, problem.line) == (place, COVER)
    assert put_in is not None
    assert put_in.message == f"line {COVER} says that the trail is broken; nobody has signed that"


def _covered_by(cover: Cover | Broken) -> list[bytes]:
    """The sealed entries as they are, under another checkpoint, or none."""
    writer = BundleWriter("alice", TRANSFER, AT, KEY)
    lines, hash_ = [writer.header()], START
    for each in TRAIL.entries[:SEALED]:
        hash_ = link(hash_, each.digest())
        lines.append(writer.sealed(each, hash_, whole=False))
    last = writer.cover(cover) if isinstance(cover, Cover) else writer.broken(cover)
    return [*lines, last, writer.end()]


def test_a_checkpoint_that_was_not_signed_covers_nothing() -> None:
    bundle = read_bundle(BUNDLE)
    cover = bundle.cover
    assert cover is not None
    assert verify(_covered_by(cover), PUBLIC).good
    later = replace(cover.checkpoint, number=42)
    for forged in (
        replace(cover, checkpoint=later),
        replace(cover, signature=later.sign(KEY)),
        replace(cover, checkpoint=later, signature=later.sign(read_private_key("A" * 43 + "="))),
    ):
        problem = verify(_covered_by(forged), PUBLIC).problem
        assert problem is not None
        assert (problem.kind, problem.line) == ("altered", COVER)


def test_one_good_checkpoint_cannot_be_put_in_for_another() -> None:
    cover = read_bundle(BUNDLE).cover
    assert cover is not None
    later = replace(cover.checkpoint, number=42)
    other = _covered_by(replace(cover, checkpoint=later, signature=later.sign(KEY)))
    assert verify(other, PUBLIC).good
    problem = verify([*BUNDLE[: COVER - 1], other[COVER - 1], *BUNDLE[COVER:]], PUBLIC).problem
    assert problem is not None
    assert (problem.kind, problem.line) == ("altered", END)


def test_what_was_dropped_in_one_piece_is_named_by_its_first() -> None:
    for lines, kind, place in (
        ([BUNDLE[0], BUNDLE[-1]], "dropped", 1),
        ([*BUNDLE[:10], BUNDLE[-1]], "dropped", 10),
        ([*BUNDLE[:10], *BUNDLE[COVER - 1 :]], "dropped", 10),
        ([*BUNDLE[:COVER], BUNDLE[-1]], "dropped", None),
        ([*BUNDLE, BUNDLE[-1]], "repeated", None),
        ([*BUNDLE, BUNDLE[5]], "repeated", None),
    ):
        problem = verify(lines, PUBLIC).problem
        assert problem is not None
        assert (problem.kind, problem.place) == (kind, place), problem


def test_who_writes_all_hashes_anew_does_not_get_past_the_checkpoint() -> None:
    entries = [replace(each, detail={"title": "nothing"}) for each in TRAIL.entries[:SEALED]]
    writer = BundleWriter("alice", TRANSFER, AT, KEY)
    lines, hash_ = [writer.header()], START
    for each in entries:
        hash_ = link(hash_, each.digest())
        lines.append(writer.sealed(each, hash_, whole=True))
    problem = verify([*lines, BUNDLE[COVER - 1], writer.end()], PUBLIC).problem
    assert problem is not None
    assert (problem.kind, problem.line, problem.place) == ("altered", COVER, None)
    assert f"among places 1 to {SEALED}" in problem.message


def test_another_key_is_named_and_nothing_is_believed() -> None:
    other = read_private_key("A" * 43 + "=").public_key()
    problem = verify(BUNDLE, other).problem
    assert problem is not None
    assert (problem.kind, problem.line) == ("key", 1)
    assert fingerprint(PUBLIC) in problem.message
    assert fingerprint(other) in problem.message
    assert verify(BUNDLE, other, PUBLIC).good


def test_an_entry_of_another_user_does_not_pass() -> None:
    writer = BundleWriter("bob", TRANSFER, AT, KEY)
    lines = [writer.header(), writer.unsealed(TRAIL.entries[0]), writer.end()]
    problem = verify(lines, PUBLIC).problem
    assert problem is not None
    assert (problem.kind, problem.line) == ("altered", 2)


@pytest.mark.parametrize(
    "lines",
    [[], [b"\n"], [b"{}\n"], BUNDLE[:-1], BUNDLE[1:], [*BUNDLE[:2], b"[" * 5000 + b"\n"], [b"\xff" * 9]],
)
def test_what_is_no_bundle_is_neither_read_nor_good(lines: list[bytes]) -> None:
    with pytest.raises(NoBundle):
        read_bundle(lines)
    assert not verify(lines, PUBLIC).good


def test_ids_in_a_bundle_are_spelt_one_way() -> None:
    header = orjson.loads(BUNDLE[0])
    header["transfer"] = str(UUID(header["transfer"])).upper()
    problem = verify([canonical(header) + b"\n", *BUNDLE[1:]], PUBLIC).problem
    assert problem is not None
    assert problem.line == 1
