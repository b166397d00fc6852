"""The page: one file that needs nothing else, runs nothing, and shows every text as text."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from hashlib import sha256
from html import escape
from importlib.resources import files

from ledgerbell.evidence.story import (
    Acknowledgement,
    Silent,
    Told,
    counted,
    happened_at,
    notifications,
    number,
    text,
)
from shared.events.letter import LetterDiscarded
from shared.money import Money, UnknownCurrency
from shared.texts import made_plain
from shared.trail import Bundle, Entry
from shared.trail.entry import is_moment

MOST_CHARACTERS = 300  # Of any text that somebody else wrote.
_BROKEN = '<p class="state open">The trail was found changed at this export: the check below says how</p>\n'


def page_of(bundle: Bundle, file_name: str) -> str:
    """HTML. ``file_name`` is that of the bundle, which lies beside the page and is what can be checked."""
    style = files("ledgerbell.evidence").joinpath("style.css").read_text(encoding="utf-8")
    style_hash = base64.b64encode(sha256(style.encode()).digest()).decode()
    told = notifications(bundle)
    parts = [*_head(bundle), *_told(told), *_timeline(bundle), *_words(), *_proof(bundle, file_name)]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="content-security-policy"'
        f" content=\"default-src 'none'; style-src 'sha256-{style_hash}'\">\n"
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>Evidence of transfer {bundle.header.transfer_id}</title>\n<style>{style}</style>\n"
        f"</head>\n<body>\n<main>\n{''.join(parts)}</main>\n</body>\n</html>\n"
    )


def _head(bundle: Bundle) -> Iterator[str]:
    header = bundle.header
    reference = next((found for each in _all(bundle) if (found := text(each, "reference"))), "")
    rows = [
        ("User", _said(header.user_id) or "nobody known"),
        ("Transfer", _code(str(header.transfer_id))),
        *([("Reference", _code(reference))] if reference else []),
        ("Exported", _moment(header.exported_at)),
    ]
    broken = _BROKEN if bundle.broken else ""
    yield f"<header>\n<h1>Evidence of a transfer</h1>\n{broken}{_facts(rows)}</header>\n"


def _told(told: Iterable[Told]) -> Iterator[str]:
    yield '<section aria-labelledby="told">\n<h2 id="told">What moved, and who was told</h2>\n'
    nothing = True
    for each in told:
        nothing = False
        yield _notification(each)
    if nothing:
        yield "<p>No notification was stored for this transfer.</p>\n"
    yield "</section>\n"


def _notification(told: Told) -> str:
    stored = told.stored
    amount = _amount(stored)
    rows = [
        *([("Moved", amount)] if amount else []),
        ("Event", _code(text(stored, "type"))),
        ("Happened", _moment(text(stored, "occurred_at"))),
        (
            "Shown since a rebuild" if stored.what == "rebuilt" else "Stored",
            f"{_moment(stored.at)}, as number {stored.seq} of the user’s notifications",
        ),
        *([("Changed", _change(told.changed))] if told.changed else []),
        ("Read", _moment(told.read_at) if told.read_at else "not marked as read"),
    ]
    kind = "good" if told.is_acknowledged() else "open"
    return (
        f"<article>\n<h3>{_said(text(stored, 'title')) or 'Without a title'}</h3>\n"
        f'<p class="state {kind}">{told.state()}</p>\n{_facts(rows)}{_sessions(told)}</article>\n'
    )


def _change(changed: Entry) -> str:
    said = f"{_said(text(changed, 'title'))}{', ' if (amount := _amount(changed)) else ''}{amount}"
    return f"{_moment(changed.at)} by a rebuild, to: {said}. Before that, what stands above was shown"


def _sessions(told: Told) -> str:
    rows: list[tuple[str, Acknowledgement | Silent, str, str]] = [
        *((_session(each), each, "acknowledged", "good") for each in told.acknowledged),
        *((counted(each.tabs, "tab"), each, "pushed, not acknowledged", "open") for each in told.silent()),
        *((_session(each), each, "in its list", "listed") for each in told.listed),
    ]
    if not rows:
        return "<p>Nothing is known of it being written to any tab. It is in the user’s history.</p>\n"
    body = "".join(
        f'<tr><th scope="row">{who}</th><td>{_code(each.gateway)}</td>'
        f'<td><span class="state {kind}">{what}</span></td><td>{_moment(each.at)}</td></tr>\n'
        for who, each, what, kind in rows
    )
    return _table("Who was told", "Who", "Gateway process", "What is known", "When", body=body)


def _session(said: Acknowledgement) -> str:
    return f"Session {_code(said.session)}"


def _timeline(bundle: Bundle) -> Iterator[str]:
    yield '<section aria-labelledby="timeline">\n<h2 id="timeline">The trail, entry by entry</h2>\n'
    rows = [(str(entry.place), entry) for entry in bundle.entries]
    rows += [("not sealed yet", entry) for entry in bundle.unsealed]
    body = "".join(
        f'<tr><th scope="row" class="place">{place}</th><td>{_moment(happened_at(entry))}</td>'
        f"<td>{escape(_what(entry).capitalize())}</td><td>{_sentence(entry)}</td></tr>\n"
        for place, entry in rows
    )
    yield _table("Entries", "Place", "When", "What", "Of it", body=body)
    if others := bundle.places - len(bundle.entries):
        yield (
            f"<p>Of this user’s trail, {others} of {bundle.places} sealed entries tell of something else. The"
            " file has the digest of each, so that none can be missing.</p>\n"
        )
    yield "</section>\n"


def _what(entry: Entry) -> str:
    """What another service has given up is told by an event, and reads like what the notifier gave up."""
    elsewhere = entry.what == "suppressed" and text(entry, "type") == LetterDiscarded.TYPE
    return "discarded" if elsewhere else entry.what


def _sentence(entry: Entry) -> str:
    match entry.what:
        case "stored":
            return f"{_said(text(entry, 'title'))} as number {entry.seq}"
        case "suppressed" if _what(entry) == "discarded":
            return _discarded(entry, text(entry, "discarded"), text(entry, "service"), text(entry, "why"))
        case "suppressed":
            return f"{_code(text(entry, 'type'))} was not shown: {_said(text(entry, 'reason'))}"
        case "pushed":
            tabs = counted(number(entry, "tabs"), "tab")
            return f"Written to {tabs} by gateway process {_code(text(entry, 'gateway'))}{_range(entry)}"
        case "acknowledged":
            gateway = _code(text(entry, "gateway"))
            session = f"Session {_code(text(entry, 'session'))} of gateway process {gateway}"
            return f"{session}{_range(entry)}{_listed(entry)}"
        case "read":
            return (
                f"The user read number {entry.seq}" if entry.up_to is None else f"By the user{_range(entry)}"
            )
        case "parked":
            return f"{_code(text(entry, 'type'))} cannot be shown: {_said(text(entry, 'reason'))}"
        case "discarded":
            return _discarded(entry, text(entry, "type"), "notifier", text(entry, "reason"))
        case "rebuilt" if entry.event_id is None:
            return f"The user’s notifications were made anew by {_said(text(entry, 'by'))}"
        case "rebuilt":
            if entry.seq is None:
                now = "is not among them any more"
            elif changed := text(entry, "changed"):
                now = f"was changed ({_said(changed)}) and is number {entry.seq} of them"
            else:
                now = f"became number {entry.seq} of them"
            return f"{_said(text(entry, 'title'))} {now}"


def _discarded(entry: Entry, type_: str, service: str, why: str) -> str:
    return f"{_code(type_)} at {_said(service)} by {_said(text(entry, 'by'))}: {_said(why)}"


def _range(entry: Entry) -> str:
    if entry.up_to is None or entry.up_to == entry.seq:
        return ""
    return f", numbers {entry.seq} to {entry.up_to}" if entry.seq else f", all up to number {entry.up_to}"


def _listed(entry: Entry) -> str:
    """What of the range the session was not sent itself."""
    sent_from = number(entry, "sent_from")
    if sent_from <= (entry.seq or 0):
        return ""
    if sent_from > (entry.up_to or 0):
        return ": in its list, not sent to it"
    return f": in its list, and sent to it from number {sent_from} on"


def _words() -> Iterator[str]:
    rows = [
        (
            "Pushed",
            "It was written to a tab’s connection. Where that was lost before the tab could acknowledge, it"
            " stays “not acknowledged”, though the tab came back as another session.",
        ),
        (
            "Acknowledged",
            "A session, which is one connection, was sent it and said that its page has it: as a toast, in"
            " the list, or counted on the bell. Not that a person looked.",
        ),
        (
            "In its list",
            "A session said so that was not sent it itself: its page had it from the history, or from a"
            " connection before. It answers for no tab that was pushed to.",
        ),
        ("Read", "The user marked it so."),
    ]
    yield '<section aria-labelledby="words">\n<h2 id="words">What the words say</h2>\n'
    yield f"{_facts(rows)}</section>\n"


def _proof(bundle: Bundle, file_name: str) -> Iterator[str]:
    yield "<footer>\n<h2>How this is checked</h2>\n"
    yield (
        f"<p>This page is a reading of {_code(file_name)} and proves nothing by itself. The file"
        " can be checked by anybody who has the public key, without us and offline:</p>\n"
        f"<pre>ledgerbell audit verify {_said(file_name)} --key PUBLICKEY</pre>\n"
        "<p>Every entry is hashed together with the one before it, and the last hash of each user’s chain"
        " stands under a signed checkpoint. An entry that was altered, dropped or moved is named.</p>\n"
    )
    rows = [("Entries", f"{bundle.places} sealed, {len(bundle.unsealed)} not sealed yet")]
    if bundle.cover is not None:
        checkpoint = bundle.cover.checkpoint
        rows += [
            ("Chain’s head", _code(bundle.head.hex())),
            ("Checkpoint", f"number {checkpoint.number}, {_moment(checkpoint.at)}"),
            ("Over all heads", _code(checkpoint.root.hex())),
        ]
    rows.append(("Signed with key", _code(bundle.header.key)))
    yield f"{_facts(rows)}</footer>\n"


def _all(bundle: Bundle) -> Iterator[Entry]:
    yield from bundle.entries
    yield from bundle.unsealed


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    lines = (f"<div><dt>{name}</dt><dd>{value}</dd></div>\n" for name, value in rows)
    return f"<dl>\n{''.join(lines)}</dl>\n"


def _table(label: str, *heads: str, body: str) -> str:
    """It can be scrolled by itself where the window is narrow, by keyboard too."""
    names = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return (
        f'<div class="wide" tabindex="0" role="group" aria-label="{label}"><table>\n'
        f"<thead><tr>{names}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n"
    )


def _amount(stored: Entry) -> str:
    minor, currency = stored.detail.get("amount_minor"), text(stored, "currency")
    if not (isinstance(minor, int) and minor and currency):
        return ""
    try:
        shown = Money(abs(minor), currency).display()
    except UnknownCurrency:
        shown = f"{abs(minor)} of the smallest unit of {currency}"
    direction = "to the user" if minor > 0 else "from the user"
    return f"<strong>{_said(shown)}</strong> {direction}"


def _moment(at: str) -> str:
    if not is_moment(at):
        return _said(at) or "unknown"
    day, time = at.split("T")
    return f'<time datetime="{at}">{day} {time[:12]} UTC</time>'


def _code(name: str) -> str:
    return f"<code>{_said(name)}</code>" if name else "unknown"


def _said(text: str) -> str:
    """What somebody else wrote: as text, on one line, and without turning the direction of what is around."""
    return f"<bdi>{escape(plain)}</bdi>" if (plain := made_plain(text, MOST_CHARACTERS)) else ""
