"""Whatever is done to a bundle is found, and named by the place where it was done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from itertools import zip_longest
from random import Random
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
    Problem,
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

Mutation = Callable[[Random], list[bytes]]


def _as_file(data: bytes) -> list[bytes]:
    """Lines as they are read from a file: up to a line feed, and whatever is left."""
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def change_byte(random: Random) -> list[bytes]:
    data = bytearray(b"".join(BUNDLE))
    at = random.randrange(len(data))
    data[at] ^= random.randrange(1, 256)
    return _as_file(bytes(data))


def drop_byte(random: Random) -> list[bytes]:
    data = b"".join(BUNDLE)
    at = random.randrange(len(data))
    return _as_file(data[:at] + data[at + 1 :])


def add_byte(random: Random) -> list[bytes]:
    data = b"".join(BUNDLE)
    at = random.randrange(len(data) + 1)
    return _as_file(data[:at] + random.randbytes(1) + data[at:])


def cut_off(random: Random) -> list[bytes]:
    data = b"".join(BUNDLE)
    at = random.randrange(len(data))
    return _as_file(data[:at])


def drop_line(random: Random) -> list[bytes]:
    at = random.randrange(END)
    return BUNDLE[:at] + BUNDLE[at + 1 :]


def swap_lines(random: Random) -> list[bytes]:
    one, other = sorted(random.sample(range(END), 2))
    lines = list(BUNDLE)
    lines[one], lines[other] = lines[other], lines[one]
    return lines


def move_line(random: Random) -> list[bytes]:
    one, other = random.sample(range(END), 2)
    lines = list(BUNDLE)
    lines.insert(other, lines.pop(one))
    return lines


def repeat_line(random: Random) -> list[bytes]:
    at = random.randrange(END)
    return [*BUNDLE[: at + 1], *BUNDLE[at:]]


def drop_the_rest(random: Random) -> list[bytes]:
    at = random.randrange(END)
    return BUNDLE[:at]


def change_value(random: Random) -> list[bytes]:
    """One value of a line, spelt as it should be: only what was hashed and signed tells."""
    at = random.randrange(END)
    members = orjson.loads(BUNDLE[at])
    inside = members
    while isinstance(inside[name := random.choice(sorted(inside))], dict) and inside[name]:
        inside = inside[name]
    value = inside[name]
    if isinstance(value, int):
        inside[name] = value + random.choice([-1, 1]) if value else 1
    elif isinstance(value, str):
        inside[name] = _other_text(value, random)
    elif isinstance(value, dict):
        inside[name] = {"more": 1}
    else:
        inside[name] = value[:-1]
    return [*BUNDLE[:at], canonical(members) + b"\n", *BUNDLE[at + 1 :]]


def _other_text(text: str, random: Random) -> str:
    at = random.randrange(len(text))
    return text[:at] + ("1" if text[at] == "0" else "0") + text[at + 1 :]


MUTATIONS: list[Mutation] = [
    change_byte,
    drop_byte,
    add_byte,
    cut_off,
    drop_line,
    swap_lines,
    move_line,
    repeat_line,
    drop_the_rest,
    change_value,
]


def _names_the_place(problem: Problem, lines: list[bytes]) -> bool:
    """By the entry's number, where the first line that is wrong is that of a sealed entry."""
    if problem.kind == "repeated" or problem.line >= len(lines):
        return True  # The number is that of the other one; what a file ends before has none.
    return problem.place == (problem.line - 1 if 1 < problem.line < COVER else None)


def test_a_thousand_random_mutations_are_all_found_and_named() -> None:
    random, missed, misnamed = Random(1729), [], []
    for number in range(1000):
        mutation = MUTATIONS[number % len(MUTATIONS)]
        lines = mutation(random)
        first = next(at for at, (one, other) in enumerate(zip_longest(lines, BUNDLE), 1) if one != other)
        problem = verify(lines, PUBLIC).problem
        if problem is None:
            missed.append((number, mutation.__name__))
        elif problem.line != first or not _names_the_place(problem, lines):
            misnamed.append((number, mutation.__name__, first, problem))
    assert missed == []
    assert misnamed == []


def test_no_byte_can_be_changed_and_its_line_is_named() -> None:
    """Every one of a shorter bundle, in its lowest bit and in its highest."""
    lines = Trail(made_up_trail(others=4).entries, 9).bundle()
    assert verify(lines, PUBLIC).good
    data = b"".join(lines)
    for at in range(len(data)):
        for bit in (1, 128):
            changed = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
            problem = verify(_as_file(changed), PUBLIC).problem
            assert problem is not None, (at, bit)
            assert problem.line == data[:at].count(b"\n") + 1, (at, bit, problem)


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
