"""AsyncAPI of all events, from the contracts, the topology and the examples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.events import CATALOGUE, Event, exchange_of
from shared.events.envelope import PREFIX
from shared.events.examples import EXAMPLES, RECEIPTS_EXAMPLE, STORED_EXAMPLE, envelope_of
from shared.events.letter import LetterDiscarded
from shared.events.notifier import EXCHANGE as NOTIFICATIONS
from shared.events.notifier import STORED, PushBatch
from shared.events.receipts import EXCHANGE as RECEIPTS
from shared.events.receipts import GATHERED, HEADERS, ReceiptBatch
from shared.messaging.topology import SUBSCRIBED, events_queue, lane_queue, receipts_queue

Json: TypeAlias = dict[str, Any]

ABOUT = """\
Events are CloudEvents 1.0 in binary content mode over AMQP 0-9-1: attributes as headers, data as the body.
A type's last part is its version. Whoever reads ignores fields it does not know.

Delivery is at least once and ordered for a user within a queue: keep the ids, and apply each once.
Amounts are integers in the currency's minor units.
"""
_BINDING = "0.3.0"
_TEXT: Json = {"type": "string"}
_UUID: Json = {"type": "string", "format": "uuid"}
_ATTRIBUTES: dict[str, Json] = {
    "specversion": {"type": "string", "const": "1.0"},
    "id": _UUID | {"description": "Unique for ever, and ordered by time."},
    "type": _TEXT | {"description": "The routing key."},
    "source": _TEXT | {"description": "The service that published it."},
    "subject": {"type": "string", "minLength": 1, "maxLength": 200, "description": "The user's id."},
    "time": {"type": "string", "format": "date-time", "description": "When it happened."},
    "traceparent": _TEXT | {"description": "W3C Trace Context."},
    "correlationid": _TEXT | {"description": "Of the request it all began with."},
    "causationid": _TEXT | {"description": "Of the event that led to this one."},
}
_OPTIONAL = ("traceparent", "correlationid", "causationid")


def event_document() -> Json:
    """One document for all. Raises KeyError for an event without an example."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Ledgerbell events", "version": "1.0.0", "description": ABOUT},
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "{host}",
                "pathname": "/ledgerbell",
                "protocol": "amqp",
                "protocolVersion": "0.9.1",
                "description": "Every service has a user of its own, who may do what it has to and no more.",
                "variables": {"host": {"default": "rabbitmq:5672"}},
                "security": [{"$ref": "#/components/securitySchemes/password"}],
            }
        },
        "channels": {type_: _channel(type_, exchange_of(type_)) for type_ in CATALOGUE}
        | {STORED: _channel(STORED, NOTIFICATIONS), GATHERED: _channel(GATHERED, RECEIPTS)},
        "operations": dict(_operations()),
        "components": {
            "securitySchemes": {"password": {"type": "userPassword"}},
            "schemas": {"CloudEvent": _cloud_event()} | _schemas(),
            "messages": {type_: _event(contract) for type_, contract in CATALOGUE.items()}
            | {STORED: _stored(), GATHERED: _gathered()},
        },
    }


def _schemas() -> Json:
    contracts: list[type[BaseModel]] = [*CATALOGUE.values(), PushBatch, ReceiptBatch]
    _, found = models_json_schema(
        [(contract, "validation") for contract in contracts], ref_template="#/components/schemas/{model}"
    )
    schemas: Json = found["$defs"]
    # A union's is an object in OpenAPI and a string here; the constant `type` of each item says as much.
    del schemas["PushBatch"]["properties"]["items"]["items"]["discriminator"]
    return schemas


def _channel(key: str, exchange: str) -> Json:
    return {
        "address": key,
        "description": f"Routing key `{key}` of the topic exchange `{exchange}`.",
        "messages": {key: {"$ref": f"#/components/messages/{key}"}},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {
                    "name": exchange,
                    "type": "topic",
                    "durable": True,
                    "autoDelete": False,
                    "vhost": "ledgerbell",
                },
                "bindingVersion": _BINDING,
            }
        },
    }


def _operations() -> Iterator[tuple[str, Json]]:
    for type_, contract in CATALOGUE.items():
        # Whoever listens may have to give up on what it heard.
        publishers = (
            SUBSCRIBED if contract is LetterDiscarded else [exchange_of(type_).removesuffix(".events")]
        )
        for publisher in publishers:
            yield _operation(publisher, "send", type_, {"deliveryMode": 2, "mandatory": True})
        hearing = {
            service: events_queue(service) for service, heard in SUBSCRIBED.items() if contract in heard
        }
        for service, queue in {"notifier": lane_queue(contract.LANE), **hearing}.items():
            yield _operation(service, "receive", type_, {"ack": True}, f" From the queue `{queue}`.")
    yield _operation("notifier", "send", STORED, {"deliveryMode": 2, "mandatory": False})
    yield _operation("ws-gateway", "receive", STORED, {"ack": False}, " Every gateway hears all of them.")
    yield _operation("ws-gateway", "send", GATHERED, {"deliveryMode": 2, "mandatory": True})
    yield _operation("notifier", "receive", GATHERED, {"ack": True}, f" From the queue `{receipts_queue()}`.")


def _operation(service: str, action: str, key: str, binding: Json, more: str = "") -> tuple[str, Json]:
    return f"{service}.{action}.{key}", {
        "action": action,
        "channel": {"$ref": f"#/channels/{key}"},
        "summary": f"{service} {action}s `{key}`.{more}",
        "tags": [{"name": service}],
        "messages": [{"$ref": f"#/channels/{key}/messages/{key}"}],
        "bindings": {"amqp": binding | {"bindingVersion": _BINDING}},
    }


def _cloud_event() -> Json:
    return {
        "type": "object",
        "properties": {PREFIX + name: schema for name, schema in _ATTRIBUTES.items()},
        "required": [PREFIX + name for name in _ATTRIBUTES if name not in _OPTIONAL],
    }


def _event(contract: type[Event]) -> Json:
    type_ = contract.TYPE
    example = envelope_of({type(each): each for each in EXAMPLES}[contract])
    return {
        **_message(type_, contract),
        "headers": {
            "allOf": [
                {"$ref": "#/components/schemas/CloudEvent"},
                {"properties": {f"{PREFIX}type": {"const": type_}}},
            ]
        },
        "correlationId": {"location": f"$message.header#/{PREFIX}correlationid"},
        "tags": [{"name": f"lane: {contract.LANE}"}],
        "examples": [{"headers": example.headers(), "payload": json.loads(example.data)}],
    }


def _stored() -> Json:
    example = STORED_EXAMPLE.model_dump(mode="json")
    return {**_message(STORED, PushBatch), "examples": [{"payload": example}]}


def _gathered() -> Json:
    headers = {name: {"type": "string", "const": value} for name, value in HEADERS.items()}
    return {
        **_message(GATHERED, ReceiptBatch),
        "headers": {"type": "object", "properties": headers},
        "examples": [{"headers": HEADERS, "payload": RECEIPTS_EXAMPLE.model_dump(mode="json")}],
    }


def _message(key: str, contract: type[BaseModel]) -> Json:
    assert contract.__doc__ is not None  # A test sees to it.
    return {
        "name": key,
        "title": contract.__name__,
        "summary": " ".join(contract.__doc__.split()),
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{contract.__name__}"},
    }
