"""What the trail's proofs rest on: one spelling, one hash, one root."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.trail import (
    START,
    Entry,
    NoEntry,
    NotCanonical,
    canonical,
    leaf,
    link,
    moment,
    path,
    root,
    root_by_path,
)
from shared.trail.canonical import Json, read_canonical
from shared.trail.tree import NotInTree

# The leaves that implementations of Certificate Transparency test themselves with.
CT_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

ENTRY = Entry(
    user_id='ann "é" 💳',
    place=3,
    what="stored",
    at="2026-03-14T09:26:53.589793Z",
    event_id=UUID("018f4e2a-7c1d-7b3e-9f00-5a6b7c8d9e0f"),
    epoch=1,
    seq=7,
    detail={"title": "➖ $5\n", "amount_minor": -500, "toast": True},
)

UNHURRIED = settings(deadline=None)  # How fast the machine is, is not what is asked here.

texts = st.text(st.characters(exclude_categories=["Cs"]))
names = st.text(st.characters(codec="ascii"))
values = st.recursive(
    texts | st.booleans() | st.integers(-(2**63), 2**63 - 1),
    lambda inner: st.lists(inner) | st.dictionaries(names, inner),
)
digests = st.binary(min_size=32, max_size=32)
moments = st.datetimes(timezones=st.timezones()).filter(lambda at: 1 < at.year < 9999)
numbers = st.none() | st.integers(0, 2**63 - 1)
entries = st.builds(
    Entry,
    user_id=texts,
    place=numbers,
    what=st.sampled_from(["stored", "pushed", "acknowledged", "read"]),
    at=moments.map(moment),
    event_id=st.none() | st.uuids(),
    transfer_id=st.none() | st.uuids(),
    epoch=numbers,
    seq=numbers,
    up_to=numbers,
    detail=st.dictionaries(names, texts | st.booleans() | st.integers(-(2**63), 2**63 - 1)),
)


# Spelling ---------------------------------------------------------------------------------------------------


def test_the_spelling_is_that_of_rfc_8785() -> None:
    value: Json = {"string": '€$\x0f\nA\'B"\\\\"/', "literals": [True, False], "a": 1, "B": -2}
    spelt = r'{"B":-2,"a":1,"literals":[true,false],"string":"€$\u000f\nA' + "'" + r'B\"\\\\\"/"}'
    assert canonical(value).decode() == spelt


@UNHURRIED
@given(values)
def test_a_spelling_reads_back_as_its_value(value: Any) -> None:
    spelt = canonical(value)
    assert read_canonical(spelt) == value
    assert json.loads(spelt) == value


DEEP = "[" * 16 + "]" * 16
BOTTOMLESS = "[" * 990 + "]" * 990  # What orjson reads, and Python cannot walk.


@pytest.mark.parametrize("value", [None, 1.0, {"a": None}, ["\ud800"], {"é": 1}, {1: 2}, 2**63, b"", {1}])
def test_what_has_no_one_spelling_is_refused(value: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


@pytest.mark.parametrize(
    "text",
    ['{"b":1,"a":2}', '{"a":1,"a":1}', '{"a": 1}', '"\\u00e9"', '"\\/"', "1.0", "1e2", "-0", "01", "", "{"],
)
def test_another_spelling_is_not_read(text: str) -> None:
    with pytest.raises(NotCanonical):
        read_canonical(text.encode())


@pytest.mark.parametrize("text", [f"[{DEEP}]", f'{{"a":{DEEP}}}', BOTTOMLESS])
def test_what_is_nested_deeply_is_not_read(text: str) -> None:
    assert read_canonical(DEEP.encode()) == json.loads(DEEP)
    with pytest.raises(NotCanonical, match="nested more than 16 deep"):
        read_canonical(text.encode())


# Entries ----------------------------------------------------------------------------------------------------


def test_an_entry_is_spelt_as_it_always_was() -> None:
    spelt = (
        '{"at":"2026-03-14T09:26:53.589793Z","detail":{"amount_minor":-500,"title":"➖ $5\\n","toast":true},'
        '"epoch":1,"event_id":"018f4e2a-7c1d-7b3e-9f00-5a6b7c8d9e0f","place":3,"seq":7,'
        '"user_id":"ann \\"é\\" 💳","what":"stored"}'
    )
    assert ENTRY.canonical().decode() == spelt
    assert ENTRY.digest().hex() == "03a561414763635bd6fc89ff46ad5b932ea4ad35a1c47f0f4aa69614e6785aef"


@UNHURRIED
@given(entries)
def test_an_entry_reads_back_from_its_spelling(entry: Entry) -> None:
    assert Entry.of(json.loads(entry.canonical())) == entry


@UNHURRIED
@given(entries, entries)
def test_two_entries_have_two_digests(one: Entry, other: Entry) -> None:
    # By spelling: Python takes True for 1, JSON does not.
    assert (one.digest() == other.digest()) == (one.canonical() == other.canonical())


@pytest.mark.parametrize(
    "change",
    [
        {"what": "delivered"},
        {"at": "2026-03-14T09:26:53Z"},
        {"at": "2026-02-30T09:26:53.589793Z"},
        {"at": "２026-03-14T09:26:53.589793Z"},
        {"place": True},
        {"place": -1},
        {"seq": "7"},
        {"event_id": "018F4E2A-7C1D-7B3E-9F00-5A6B7C8D9E0F"},
        {"event_id": 5},
        {"detail": {"a": {}}},
        {"detail": None},
        {"user_id": 5},
        {"more": 1},
    ],
)
def test_members_that_make_no_entry_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(NoEntry):
        Entry.of(ENTRY.members() | change)


def test_a_moment_has_six_digits_and_is_in_utc() -> None:
    at = datetime(2026, 3, 14, 11, 26, 53, tzinfo=timezone(timedelta(hours=2)))
    assert moment(at) == "2026-03-14T09:26:53.000000Z"
    with pytest.raises(ValueError, match="zone"):
        moment(datetime(2026, 3, 14))


# Chain ------------------------------------------------------------------------------------------------------


def test_a_link_is_the_hash_of_parts_with_their_lengths() -> None:
    written_out = (
        (19).to_bytes(8, "big")
        + b"ledgerbell.trail.v1"
        + (32).to_bytes(8, "big")
        + bytes(32)
        + (32).to_bytes(8, "big")
        + ENTRY.digest()
    )
    assert link(START, ENTRY.digest()) == sha256(written_out).digest()
    assert (
        link(START, ENTRY.digest()).hex()
        == "c9373acc4194cb26c4f6288e9020a5c92bd5084cd2683a95a10c8ef024afeffe"
    )


def _head(digests: list[bytes]) -> bytes:
    hash_ = START
    for digest in digests:
        hash_ = link(hash_, digest)
    return hash_


@UNHURRIED
@given(st.lists(digests, max_size=8), st.lists(digests, max_size=8))
def test_other_entries_or_another_order_give_another_head(one: list[bytes], other: list[bytes]) -> None:
    assert (_head(one) == _head(other)) == (one == other)


@UNHURRIED
@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(0, 40))
def test_bytes_moved_from_one_part_to_the_next_give_another_hash(one: bytes, two: bytes, cut: int) -> None:
    joined = one + two
    assert (link(joined[:cut], joined[cut:]) == link(one, two)) == (joined[:cut] == one)


# Tree -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", range(len(CT_ROOTS)))
def test_roots_are_those_of_rfc_6962(size: int) -> None:
    assert root(CT_LEAVES[:size]).hex() == CT_ROOTS[size]


def _defined(leaves: list[bytes]) -> bytes:
    """The root, word for word as RFC 6962 defines it."""
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\x01" + _defined(leaves[:split]) + _defined(leaves[split:])).digest()


@UNHURRIED
@given(st.lists(st.binary(max_size=4), min_size=1, max_size=70))
def test_the_root_is_as_defined_and_every_path_leads_to_it(leaves: list[bytes]) -> None:
    top = root(leaves)
    assert top == _defined(leaves)
    for index, each in enumerate(leaves):
        assert root_by_path(each, index, len(leaves), path(leaves, index)) == top


@UNHURRIED
@given(st.integers(1, 70), st.data())
def test_no_other_leaf_place_or_path_leads_to_the_root(size: int, data: st.DataObject) -> None:
    leaves = [leaf("user", number, START) for number in range(size)]
    index, claimed = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
    beside = path(leaves, index)
    assert root_by_path(b"another", index, size, beside) != root(leaves)
    if claimed != index:
        assert _leads(leaves[index], claimed, size, beside) != root(leaves)
    if beside:
        at = data.draw(st.integers(0, len(beside) - 1))
        assert _leads(leaves[index], index, size, beside[:at] + beside[at + 1 :]) is None
        changed = [*beside[:at], bytes(32), *beside[at + 1 :]]
        assert _leads(leaves[index], index, size, changed) != root(leaves)
    assert _leads(leaves[index], index, size, [*beside, START]) is None


def _leads(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    try:
        return root_by_path(leaf, index, size, path)
    except NotInTree:
        return None


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1)])
def test_a_leaf_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(NotInTree):
        root_by_path(b"", index, size, [])
    with pytest.raises(IndexError):
        path([b""] * size, index)


def test_a_leaf_says_whose_head_it_is() -> None:
    assert leaf("ann", 3, START).decode() == f'{{"head":"{START.hex()}","place":3,"user":"ann"}}'
