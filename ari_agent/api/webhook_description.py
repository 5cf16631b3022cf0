"""The webhooks of GET /openapi.json: what is sent to the customer's servers, and what they may answer.

Made from the models that write the bodies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode

from ari_agent.contract.call import Call
from ari_agent.contract.chat import Chat
from ari_agent.contract.inbound import (
    InboundChatWebhookBody,
    InboundChatWebhookRequest,
    InboundWebhookBody,
    InboundWebhookRequest,
)
from ari_agent.contract.webhook_event import WebhookEventName

_QUESTIONS: Final[Mapping[str, tuple[type[BaseModel], type[BaseModel], str]]] = {
    "call_inbound": (InboundWebhookRequest, InboundWebhookBody, "Asked while the caller hears ringing."),
    "chat_inbound": (InboundChatWebhookRequest, InboundChatWebhookBody, "Asked before a text message is answered."),
}
"""Event -> body, answer, and when it is sent."""
_SIGNATURE: Final[Mapping[str, Any]] = {
    "name": "X-Retell-Signature",
    "in": "header",
    "description": "`v=<milliseconds>,d=<hex>`: d is the HMAC-SHA256 of the body and the milliseconds.",
    "schema": {"type": "string"},
}

_DELIVERY: Final[Mapping[str, Any]] = {
    "name": "X-Ari-Agent-Delivery",
    "in": "header",
    "description": "The same in every attempt to deliver this, so that a repeat can be told.",
    "schema": {"type": "string"},
}

_SENT: Final[tuple[type[BaseModel], ...]] = (Call, Chat, *(question for question, _, _ in _QUESTIONS.values()))
_ANSWERED: Final[tuple[type[BaseModel], ...]] = tuple(answer for _, answer, _ in _QUESTIONS.values())


def _used(models: Sequence[type[BaseModel]], mode: JsonSchemaMode) -> Iterator[tuple[type[BaseModel], JsonSchemaMode]]:
    for model in models:
        yield model, mode


WEBHOOK_MODELS: Final[frozenset[tuple[type[BaseModel], JsonSchemaMode]]] = frozenset(
    [*_used(_SENT, "serialization"), *_used(_ANSWERED, "validation")]
)
"""The models that the descriptions refer to, and how each is used."""

Reference = Callable[[type[BaseModel], JsonSchemaMode], Mapping[str, Any]]


def describe_webhooks(reference: Reference) -> dict[str, Any]:
    """Return the `webhooks` of the document. reference: the schema that refers to a model of WEBHOOK_MODELS."""
    return dict(_webhooks(reference))


def _webhooks(reference: Reference) -> Iterator[tuple[str, Any]]:
    for event in WebhookEventName:
        thing: tuple[str, type[BaseModel]] = ("chat", Chat) if event.startswith("chat_") else ("call", Call)
        body: dict[str, Any] = {
            "type": "object",
            "required": ["event", thing[0]],
            "properties": {"event": {"const": event.value}, thing[0]: reference(thing[1], "serialization")},
        }
        if thing[0] == "call":
            body["properties"]["data"] = {
                "description": "A copy of `call`, unless ARI_AGENT_WEBHOOK_DATA_COPY is false."
            }
        told = f"Sent to `webhook_url` when `{event.value}` is among the agent's `webhook_events`."
        yield event.value, _post(event.value, told, body, {"2XX": {"description": "Taken; anything else is retried."}})
    for name, (question, answer, when) in _QUESTIONS.items():
        content = {"application/json": {"schema": reference(answer, "validation")}}
        answers = {"2XX": {"description": "The decision.", "content": content}}
        yield name, _post(name, when, reference(question, "serialization"), answers)


def _post(name: str, description: str, body: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "post": {
            "operationId": f"webhook_{name}",
            "summary": name,
            "description": description,
            "security": [],
            "parameters": [_SIGNATURE, _DELIVERY],
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": dict(answers),
        }
    }
