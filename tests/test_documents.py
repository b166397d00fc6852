"""The documents under docs/api are what the code says today, and their own parsers accept them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import validate

from ledgerbell.documents import documents
from shared.events import CATALOGUE, Event
from shared.events.examples import EXAMPLES
from shared.testing.node import install, node

FOLDER = Path(__file__).parent.parent / "docs" / "api"
VALIDATOR = FOLDER / "validator"


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    return documents()


@pytest.fixture(scope="module")
def openapi(generated: dict[str, str]) -> dict[str, dict[str, Any]]:
    return {name: json.loads(text) for name, text in generated.items() if name.endswith(".openapi.json")}


def test_the_committed_documents_are_what_the_code_says(generated: dict[str, str]) -> None:
    committed = {file.name: file.read_text() for file in FOLDER.glob("*.json")}

    changed = sorted(
        name for name in generated.keys() | committed if generated.get(name) != committed.get(name)
    )
    assert not changed, f"{', '.join(changed)}: out of date, run `make docs`"


def test_every_openapi_document_is_one(openapi: dict[str, dict[str, Any]]) -> None:
    for document in openapi.values():
        validate(document)


def test_every_operation_says_who_may_call_it_and_how_it_refuses(openapi: dict[str, dict[str, Any]]) -> None:
    for where, operation in _operations(openapi):
        responses = operation["responses"]
        assert operation["summary"], where
        assert operation["tags"], where
        assert operation.get("security") == [{"bearer": []}] or operation["tags"] == ["webhooks"], where
        assert "401" in responses or operation["tags"] == ["webhooks"], where
        refused = [response for status, response in responses.items() if status >= "400"]
        assert all(set(response) == {"$ref"} for response in refused), where


def test_whatever_moves_money_needs_a_key(openapi: dict[str, dict[str, Any]]) -> None:
    keyed = {
        operation["operationId"]
        for _, operation in _operations(openapi)
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "Idempotency-Key" and parameter["required"]
    }

    assert keyed >= {"add_credits", "deduct_credits", "place_hold", "post_hold", "void_hold"}
    assert keyed >= {"initialize_payment", "request_verification", "initiate_refund"}


def test_only_what_is_for_others_is_documented(openapi: dict[str, dict[str, Any]]) -> None:
    paths = {path for document in openapi.values() for path in document["paths"]}

    assert all(path.startswith(("/v1/", "/webhooks/")) for path in paths)


def test_every_event_has_an_example_and_says_what_it_means() -> None:
    assert [type(example) for example in EXAMPLES] == list(CATALOGUE.values())
    assert [contract.TYPE for contract in CATALOGUE.values() if not contract.__doc__] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.TYPE))
def test_an_example_is_read_back_by_its_contract(example: Event) -> None:
    assert type(example).model_validate_json(example.model_dump_json()) == example


def test_examples_fit_the_schemas_they_stand_beside(generated: dict[str, str]) -> None:
    document = json.loads(generated["events.asyncapi.json"])

    for message in document["components"]["messages"].values():
        [example] = message["examples"]
        for part in message.keys() & {"headers", "payload"}:
            schema = {**message[part], "components": document["components"]}
            Draft202012Validator(schema).validate(example[part])


@pytest.mark.servers  # Of a kind: the first time, the parser comes from a package registry.
def test_asyncapis_own_parser_has_nothing_against_the_events() -> None:
    install(VALIDATOR)

    said = node("validate.mjs", str(FOLDER / "events.asyncapi.json"), folder=VALIDATOR)

    assert said.startswith(f"{len(CATALOGUE) + 2} channels"), said


def _operations(openapi: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for document in openapi.values():
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                yield f"{method} {path}", operation
