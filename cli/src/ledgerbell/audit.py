"""Evidence of a transfer, as an operator fetches it at the gateway, and as anybody checks it offline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from uuid import UUID

from ledgerbell.evidence import page_of
from ledgerbell.gateway import GatewayRefused, OperatorSettings, answered, client
from shared.texts import made_plain
from shared.trail import Bundle, NoBundle, PublicKey, Verdict, read_bundle, read_public_key, verify

# A long trail is read from its beginning to its end.
ANSWER_SECONDS = 120

MOST_CHARACTERS = 200  # Of a user's id, where it is shown.


def export(settings: OperatorSettings, user: str, transfer: UUID, out: Path) -> Bundle:
    """Write the bundle into ``out``, and a page for people beside it.

    Raises GatewayRefused, and httpx.HTTPError where the gateway cannot be reached.
    """
    fetched = _fetch(settings, user, transfer)
    try:
        bundle = read_bundle(BytesIO(fetched))
    except NoBundle as no:
        raise GatewayRefused(f"what was answered is no evidence: {no}") from no
    if (bundle.header.user_id, bundle.header.transfer_id) != (user, transfer):
        raise GatewayRefused("what was answered is evidence of something else")
    out.write_bytes(fetched)
    page_file(out).write_text(page_of(bundle, out.name), encoding="utf-8")
    return bundle


def page_file(out: Path) -> Path:
    return out.with_name(f"{out.name.removesuffix('.jsonl')}.html")


def _fetch(settings: OperatorSettings, user: str, transfer: UUID) -> bytes:
    with client(settings, seconds=ANSWER_SECONDS) as http:
        query = {"user": user, "transfer": str(transfer)}
        return answered(http.get("/v1/evidence", params=query)).content


def public_key(text: str) -> PublicKey:
    """As it is, or out of the file of that name. Raises NoKey; OSError where the file cannot be read."""
    if "\n" not in text and (file := Path(text)).is_file():
        text = file.read_text(encoding="utf-8", errors="replace")
    return read_public_key(text)


def check(file: Path, keys: Sequence[PublicKey]) -> Verdict:
    """Raises OSError where the file cannot be read."""
    with file.open("rb") as lines:
        return verify(lines, *keys)


def summary(bundle: Bundle) -> Iterator[str]:
    """What a good bundle says, each on a line."""
    header, cover = bundle.header, bundle.cover
    user = made_plain(header.user_id, MOST_CHARACTERS) or "nobody known"
    yield f"good: transfer {header.transfer_id} of user {user}, as exported at {header.exported_at}"
    if cover is not None:
        yield (
            f"{bundle.places} entries sealed, {len(bundle.entries)} of them about the transfer,"
            f" under checkpoint {cover.checkpoint.number} of {cover.checkpoint.at}"
        )
    if bundle.unsealed:
        yield f"{len(bundle.unsealed)} entries not sealed yet: only the export itself is signed for these"
    yield f"signed with key {header.key}"
