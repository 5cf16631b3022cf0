"""GET /openapi.json: OpenAPI 3.1, made from the table of routes and the very models that check requests.

Descriptions are the docstrings. Every answer that an operation can give is listed: its success, what its input can
cause (400, 413), a wrong key (401), an unknown id (422), Asterisk and the database being away (502, 503).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from ari_agent.api.answer import ErrorBody
from ari_agent.api.health import Missing
from ari_agent.api.routes import ROUTES, Route

_JSON: Final = "application/json"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")

_ERRORS: Final[Mapping[int, str]] = {
    400: "The request is wrong; the message says what would be right.",
    401: "The API key is missing or wrong.",
    404: "The agent has no such version.",
    412: "The version is not the latest any more.",
    413: "The body is larger than 1 MiB.",
    422: "Nothing has this id.",
    429: "Every slot for calls of this kind is taken.",
    500: "An internal error; the server's log has the details.",
    501: "Not served here; the message says what is instead.",
    502: "Asterisk refused.",
    503: "Asterisk or the database is not reachable.",
    504: "No outcome in time.",
}
_PARAMETERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "agent_id": {"description": "`agent_...`", "example": "agent_16b980523634a6dc504898cda492e939"},
    "chat_id": {"description": "`chat_...`"},
    "call_id": {"description": "`call_...`", "example": "call_a4441234567890777c4a4a123e6"},
    "phone_number": {
        "description": "As it was registered. `+` may stand as it is or as %2B.",
        "example": "+14157774444",
    },
    "webhook_id": {"description": "As GET /list-dead-webhooks tells it.", "example": "17"},
}
_VERSION: Final[Mapping[str, Any]] = {
    "name": "version",
    "in": "query",
    "description": "A version number, a tag, `latest` or `latest_published`; the latest by default.",
    "schema": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[a-z0-9_-]{1,20}$"}]},
}


Refs = Mapping[tuple[type[BaseModel], JsonSchemaMode], Mapping[str, Any]]


def describe(routes: Sequence[Route] = ROUTES) -> dict[str, Any]:
    """The whole document."""
    models = sorted(_models(routes), key=str)
    found, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}")
    refs: Refs = {(model, mode): found[model, mode] for model, mode in models}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ari-agent",
            "version": version("ari-agent"),
            "description": "An AI voice agent on your own Asterisk, with the contract of Retell AI's phone API.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"api_key": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {"api_key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _models(routes: Iterable[Route]) -> set[tuple[type[BaseModel], JsonSchemaMode]]:
    found: set[tuple[type[BaseModel], JsonSchemaMode]] = {(ErrorBody, "serialization"), (Missing, "serialization")}
    for route in routes:
        if route.takes:
            found.add((route.takes, "validation"))
        if route.answers:
            found.add((route.answers, "serialization"))
    return found


def _operation(route: Route, refs: Refs) -> dict[str, Any]:
    lines = (route.handler.__doc__ or "").strip().splitlines()
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "tags": [route.tag],
        "summary": lines[0] if lines else "",
        "responses": {str(status): answer for status, answer in _answers(route, refs)},
    }
    if parameters := list(_parameters(route)):
        operation["parameters"] = parameters
    if route.takes:
        operation["requestBody"] = {
            "required": not route.takes_nothing,
            "content": {_JSON: {"schema": refs[route.takes, "validation"]}},
        }
    if route.public:
        operation["security"] = []
    return operation


def _parameters(route: Route) -> Iterator[Mapping[str, Any]]:
    for name in _PARAMETER.findall(route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, **_PARAMETERS[name]}
    if route.versioned:
        yield _VERSION
    if route.query:
        for name, schema in route.query.model_json_schema()["properties"].items():
            yield {"name": name, "in": "query", "schema": _not_null(schema)}


def _not_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A query parameter is there or not; it cannot be null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    return choices[0] if choices else schema


def _answers(route: Route, refs: Refs) -> Iterator[tuple[int, Mapping[str, Any]]]:
    yield route.status, _success(route, refs)
    if route.path == "/readyz":
        yield 503, _with_json("What is missing.", refs[Missing, "serialization"])
        return
    if route.public:
        return
    error = refs[ErrorBody, "serialization"]
    for status in sorted(_error_statuses(route)):
        yield status, _with_json(_ERRORS[status], error)


def _error_statuses(route: Route) -> set[int]:
    statuses = {401, 500, 503} | route.refuses
    if route.takes:
        statuses |= {400, 413}
    if route.versioned or route.query:
        statuses.add(400)
    if "{" in route.path or route.path in _NAMES_IDS:
        statuses.add(422)
    if route.path in _TAKES_SLOT:
        statuses.add(429)
    if route.asks_asterisk:
        statuses |= {400, 502}
    if route.path.startswith("/v2/transfer-call"):
        statuses.add(504)
    return statuses


_TAKES_SLOT: Final = frozenset({"/v2/create-phone-call", "/create-phone-call"})
"""Paths that begin a call now or not at all."""
_NAMES_IDS: Final = frozenset(
    {
        "/v2/create-phone-call",
        "/create-phone-call",
        "/create-batch-call",
        "/import-phone-number",
        "/create-phone-number",
        "/register-call",
        "/v2/register-phone-call",
        "/v2/create-web-call",
        "/v3/create-web-call",
        "/create-sms-chat",
        "/create-chat",
        "/create-chat-completion",
    }
)
"""Paths whose body names agents, which may be unknown."""


def _success(route: Route, refs: Refs) -> Mapping[str, Any]:
    if route.path == "/metrics":
        return {
            "description": "Prometheus text format 0.0.4.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    if route.answers is None:
        return {"description": "Done."}
    schema = refs[route.answers, "serialization"]
    return _with_json("Done.", {"type": "array", "items": schema} if route.many else schema)


def _with_json(description: str, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"description": description, "content": {_JSON: {"schema": schema}}}


@cache
def document() -> bytes:
    """The description as it is sent. It takes a tenth of a second to make: once, before there are calls."""
    return json.dumps(describe()).encode()


async def show_openapi(_: web.Request) -> web.Response:
    """The description of the API."""
    return web.Response(body=document(), content_type=_JSON)
