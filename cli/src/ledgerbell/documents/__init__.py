"""Documents of our interfaces, generated from what implements them: OpenAPI for HTTP, AsyncAPI for events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ledgerbell.documents.asyncapi import event_document
from ledgerbell.documents.openapi import SERVICES, service_document


def documents() -> dict[str, str]:
    """Every document's text by its file name."""
    found = {f"{service}.openapi.json": service_document(service) for service in SERVICES}
    found["events.asyncapi.json"] = event_document()
    return {name: _text(document) for name, document in found.items()}


def write_documents(folder: Path) -> None:
    """Write all of them, and remove those of services that are no more."""
    folder.mkdir(parents=True, exist_ok=True)
    current = documents()
    for name, text in current.items():
        (folder / name).write_text(text)
    for stale in {*folder.glob("*.openapi.json")} - {folder / name for name in current}:
        stale.unlink()


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
