"""Each service's OpenAPI document: what FastAPI finds, and the refusals that every route of ours shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

ABOUT = """\
Every request carries a token, `Authorization: Bearer`. Amounts are decimal strings.

Whatever moves money or makes something needs an `Idempotency-Key`: repeated with it, a request has its effect
once and is answered the same. An answer that did not come is unknown, never failed: send the same again.

Errors are `application/problem+json` (RFC 9457) with a stable `code`, and a `ref` that support can find.
"""
KEY_HEADER = "Idempotency-Key"
_CODES = "x-codes"  # How a route's own refusals travel through FastAPI; gone from the document.
_RETRIED = ("429", "503")

# For a route's ``openapi_extra``: what it reads is raw bytes, in which FastAPI sees no body.
SIGNED_BODY: Json = {
    "requestBody": {
        "description": "As the provider sends it. Its signature is of the very bytes.",
        "required": True,
        "content": {"application/json": {"schema": {}}},
    }
}

_PROBLEM: Json = {
    "title": "Problem",
    "description": "An answer that is an error. Some codes bring further fields.",
    "type": "object",
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "status": {"type": "integer", "description": "The HTTP status again."},
        "code": {"type": "string", "description": "Stable: decide by it, and show `detail`."},
        "detail": {"type": "string", "description": "What to do, for people."},
        "ref": {"type": "string", "description": "Names this request to support."},
        "errors": {
            "description": "With `invalid_request`: what is wrong with which field.",
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                "required": ["field", "message"],
            },
        },
    },
    "required": ["type", "status", "code", "detail", "ref"],
}


def refusals(**status_by_code: int) -> dict[int | str, Json]:
    """A route's own problems, for its ``responses``: ``refusals(insufficient_credits=402)``."""
    found: dict[int | str, Json] = {}
    for code, status in status_by_code.items():
        found.setdefault(status, {"description": "", _CODES: []})[_CODES].append(code)
    return found


def complete(document: Json, known: Mapping[type[Exception], tuple[int, str]]) -> Json:
    """FastAPI's document with what it cannot know; ``known`` are the service's errors by status and code."""
    document["info"]["description"] = ABOUT
    schemas: Json = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):  # We answer problems instead.
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM
    responses: Json = document["components"].setdefault("responses", {})
    for operation in _operations(document):
        _require_key(operation)
        refused = _refusals_of(operation)
        for status, code in known.values():
            if status in refused:
                refused[status].append(code)
        for status, codes in refused.items():
            named = list(dict.fromkeys(codes))
            name = "_or_".join(named)
            responses[name] = _problem(status, named)
            operation["responses"][str(status)] = {"$ref": f"#/components/responses/{name}"}
        operation["responses"] = dict(sorted(operation["responses"].items()))
    return document


def _operations(document: Json) -> Iterator[Json]:
    for path in document["paths"].values():
        yield from path.values()


def _require_key(operation: Json) -> None:
    """A missing key has a problem of its own, so to FastAPI the header is optional."""
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == KEY_HEADER:
            parameter["required"] = True
            parameter["description"] = "New for each intent, the same for its retries. Kept for a day."
            parameter["schema"] = {
                "type": "string",
                "minLength": 1,
                "maxLength": 128,
                "examples": ["0198c0de-7a11-7c3e-9d5b-2f6a8e4b1c70"],
            }


def _refusals_of(operation: Json) -> dict[int, list[str]]:
    """Codes by status: what follows from how the operation is called, then what its route has named."""
    refused: dict[int, list[str]] = {503: ["temporarily_unavailable"]}
    parameters = operation.get("parameters", ())
    if "security" in operation:
        refused[401] = ["invalid_token"]
    if any(each["in"] == "path" for each in parameters):
        refused[404] = ["not_found"]
    if parameters or "requestBody" in operation:
        refused[422] = ["invalid_request"]
    if "requestBody" in operation:
        refused[413] = ["too_large"]
    if any(each["name"] == KEY_HEADER for each in parameters):
        refused[400] = ["idempotency_key_missing"]
        refused[409] = ["idempotency_key_in_flight"]
        refused.setdefault(422, []).append("idempotency_key_reused")
    for status, response in list(operation["responses"].items()):
        if _CODES in response:
            refused.setdefault(int(status), []).extend(response[_CODES])
    return refused


def _problem(status: int, codes: list[str]) -> Json:
    response: Json = {
        "description": ", ".join(f"`{code}`" for code in codes),
        "content": {
            "application/problem+json": {
                "schema": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Problem"},
                        {"properties": {"status": {"const": status}, "code": {"enum": codes}}},
                    ]
                },
                "example": {
                    "type": "about:blank",
                    "status": status,
                    "code": codes[0],
                    "detail": "What to do, in a sentence.",
                    "ref": "0198c0de7a117c3e9d5b2f6a8e4b1c70",
                },
            }
        },
    }
    if str(status) in _RETRIED:
        response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return response
