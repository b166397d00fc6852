"""Whatever is done to a bundle at random is found and named."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from random import Random

import orjson

from shared.testing.evidence import KEY, Trail, made_up_trail
from shared.trail import Problem, canonical, verify

PUBLIC = KEY.public_key()
TRAIL = made_up_trail()
BUNDLE = TRAIL.bundle()
# Lines count from 1: the header, then each place, the checkpoint, what is not sealed, the end.
COVER, END = TRAIL.sealed + 2, len(BUNDLE)

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
