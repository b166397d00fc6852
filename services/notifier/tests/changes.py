# ruff: noqa: S608  # All that is put into statements here is our own.
"""What a superuser may do to a row of the trail, drawn at random, and what an audit may call that row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from uuid import UUID

TABLES = ("trail_entry", "trail_seal", "trail_checkpoint")
UNBOUND = """
ALTER TABLE trail_entry ALTER id DROP IDENTITY;
ALTER TABLE trail_seal ALTER number DROP IDENTITY,
    DROP CONSTRAINT trail_seal_entry_unique, DROP CONSTRAINT trail_seal_number_unique;
ALTER TABLE trail_checkpoint
    DROP CONSTRAINT trail_checkpoint_up_to_unique, DROP CONSTRAINT trail_checkpoint_previous_unique
"""

ENTRY = {  # What may be written in the place of what was written.
    "id": "-id",
    "user_id": "user_id || 'x'",
    "what": "CASE what WHEN 'stored' THEN 'suppressed' ELSE 'stored' END",
    "event_id": "gen_random_uuid()",
    "transfer_id": "gen_random_uuid()",
    "epoch": "coalesce(epoch, 0) + 1",
    "seq": "coalesce(seq, 0) + 1",
    "up_to": "coalesce(up_to, 0) + 1",
    "at": "at - interval '1 microsecond'",
    "detail": 'detail::jsonb || \'{"title": "Nothing"}\'',
}
SEAL = {
    "hash": "set_byte(hash, 31, 255 - get_byte(hash, 31))",
    "place": "place + 1000",
    "user_id": "user_id || 'x'",
    "entry_id": "-entry_id",
}
EARLIER, LATER = ("number", "number - 1000000"), ("number", "number + 1000000")
SIGNED = {
    "number": "number + 1000",
    "at": "at - interval '1 microsecond'",
    "previous": "set_byte(previous, 31, 255 - get_byte(previous, 31))",
    "leaves": "leaves + 1",
    "root": "set_byte(root, 31, 255 - get_byte(root, 31))",
    "key": "reverse(key)",
    "signature": "set_byte(signature, 31, 255 - get_byte(signature, 31))",
}
UNSIGNED = [
    ("after", "after - 1"),
    ("after", "after + 1"),
    ("after", "up_to - 1"),
    ("up_to", "up_to - 1"),
    ("up_to", "up_to + 1"),
    ("settled", "settled + 1000000"),
    ("settled", "-1"),
]
ALTERED = {
    "trail_entry": [*ENTRY.items()],
    "trail_seal": [*SEAL.items(), EARLIER, LATER],
    "trail_checkpoint": [*SIGNED.items(), *UNSIGNED],
}
SWAPPED = {
    "trail_entry": ["what, at, event_id, transfer_id, epoch, seq, up_to, detail"],
    "trail_seal": ["entry_id", "hash", "number", "entry_id, hash, number"],
    "trail_checkpoint": ["at", "previous", "root", "signature", "at, previous, leaves, root, key, signature"],
}
KEYS = {"trail_entry": "id", "trail_seal": "entry_id", "trail_checkpoint": "number"}

PLACES, FIRST = 20, 12


@dataclass(frozen=True)
class Scene:
    """Two users, with places 1 to 12 under one checkpoint, 13 to 20 under the next.

    Under a third are place 21 of the other, and place 1 of somebody else.
    """

    user_id: str
    other_id: str
    transfers: dict[str, UUID]
    checkpoints: Sequence[int]
    entries: dict[str, list[int]]  # Their ids, from place 1 on.


@dataclass(frozen=True)
class Row:
    """One of a user's, or a checkpoint, and its names."""

    key: int
    names: set[str]
    checkpoint: str
    place: int | None = None


@dataclass(frozen=True)
class Change:
    """A statement, and the names of each row that it changes."""

    statement: str
    names: list[set[str]]
    user_id: str | None = None  # Whose rows they are; nobody's are checkpoints.
    shown: int | None = None  # The first place where the user's evidence shows it.


def random_change(random: Random, scene: Scene) -> Change:
    """Whatever can be seen in the database: not that its newest checkpoint is gone."""
    table = random.choices(TABLES, weights=(5, 5, 2))[0]
    user_id = None if table == "trail_checkpoint" else random.choice([scene.user_id, scene.other_id])
    rows = _checkpoints(scene) if user_id is None else _places(scene, user_id)
    kind = random.choices(("alter", "delete", "swap"), weights=(3, 1, 2))[0]
    if kind == "alter":
        return _altered(random, table, rows, user_id)
    if kind == "delete":
        row = random.choice(rows if user_id is not None else rows[:-1])
        return Change(f"DELETE FROM {table} WHERE {KEYS[table]} = {row.key}", [row.names], user_id, row.place)
    return _swapped(random, table, rows, user_id)


def _altered(random: Random, table: str, rows: Sequence[Row], user_id: str | None) -> Change:
    row = random.choice(rows)
    column, value = random.choice(ALTERED[table])
    names = set(row.names)
    if (table, column) == ("trail_seal", "user_id"):
        names.add(f"entry {row.place} of user {user_id}x")  # Whose it is said to be now.
    if (column, value) == LATER and row is rows[-1]:
        names.add(row.checkpoint)  # That there was one more, nothing says but what was signed.
    statement = f"UPDATE {table} SET {column} = {value} WHERE {KEYS[table]} = {row.key}"
    return Change(statement, [names], user_id, None if column == "number" else row.place)


def _swapped(random: Random, table: str, rows: Sequence[Row], user_id: str | None) -> Change:
    columns, key = random.choice(SWAPPED[table]), KEYS[table]
    one, other = sorted(random.sample(rows, 2), key=lambda row: row.key)
    theirs = ", ".join(f"theirs.{column}" for column in columns.split(", "))
    statement = f"""
    UPDATE {table} ours SET ({columns}) = ROW({theirs}) FROM {table} theirs
    WHERE (ours.{key}, theirs.{key}) IN (({one.key}, {other.key}), ({other.key}, {one.key}))
    """
    return Change(statement, [one.names, other.names], user_id, None if columns == "number" else one.place)


def _checkpoints(scene: Scene) -> list[Row]:
    return [Row(number, {f"checkpoint {number}"}, "") for number in scene.checkpoints]


def _places(scene: Scene, user_id: str) -> list[Row]:
    """An audit tells an entry's place by its seal; where that is gone, the entry has its id only."""
    return [
        Row(
            id_,
            {f"{what} of user {user_id}" for what in (f"entry {n}", f"seal {n}", f"the entry with id {id_}")},
            f"checkpoint {scene.checkpoints[(n > FIRST) + (n > PLACES)]}",
            n,
        )
        for n, id_ in enumerate(scene.entries[user_id], 1)
    ]
