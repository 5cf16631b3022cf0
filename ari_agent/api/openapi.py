"""GET /openapi.json: OpenAPI 3.1, made from the tables of routes and the very models that check requests.

Descriptions are the docstrings. Every answer that an operation can give is listed: its success, what its input can
cause (400, 408, 413, 415), a wrong key (401), an unknown id (422), Asterisk and the database being away (502, 503).
"""

from __future__ import annotations

import asyncio
import inspect
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
from ari_agent.api.route import Route
from ari_agent.api.routes import RESOURCES
from ari_agent.api.webhook_description import WEBHOOK_MODELS, describe_webhooks
from ari_agent.api.without_effect import HEADER

_JSON: Final = "application/json"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")

_ANSWERS: Final[Mapping[int, str]] = {
    200: "Done, but for what the answer names.",
    400: "The request is wrong; the message says what would be right.",
    401: "The API key is missing or wrong.",
    404: "The agent has no such version.",
    408: "The body did not arrive.",
    412: "The version is not the latest any more.",
    413: "The body is larger than 1 MiB.",
    415: "The body is packed.",
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
_SETS_AGENTS: Final = frozenset({"response_engine", "agent_override", "tasks"})
"""A body with one of these fields holds settings of an agent."""
_HEADERS: Final[Mapping[str, Any]] = {
    HEADER: {
        "description": "The settings that were sent and have no effect, if there are any: `ivr_option, pii_config`.",
        "schema": {"type": "string"},
    }
}


Refs = Mapping[tuple[type[BaseModel], JsonSchemaMode], Mapping[str, Any]]


def describe(resources: Mapping[str, Sequence[Route]] = RESOURCES) -> dict[str, Any]:
    """Return the whole OpenAPI document."""
    tagged = [(tag, route) for tag, routes in resources.items() for route in routes]
    models = sorted(_models(route for _, route in tagged) | WEBHOOK_MODELS, key=str)
    found, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}")
    refs: Refs = {(model, mode): found[model, mode] for model, mode in models}
    paths: dict[str, dict[str, Any]] = {}
    for tag, route in tagged:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, tag, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ari-agent",
            "version": version("ari-agent"),
            "description": "An AI voice agent on your own Asterisk, with the contract of Retell AI's phone API.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The server that this document comes from (ARI_AGENT_BIND)."}],
        "security": [{"api_key": []}],
        "paths": paths,
        "webhooks": describe_webhooks(lambda model, mode: refs[model, mode]),
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {"api_key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _models(routes: Iterable[Route]) -> set[tuple[type[BaseModel], JsonSchemaMode]]:
    found: set[tuple[type[BaseModel], JsonSchemaMode]] = {(ErrorBody, "serialization")}
    for route in routes:
        if route.body:
            found.add((route.body, "validation"))
        answers = (route.answers, route.lists, *route.otherwise.values())
        found |= {(model, "serialization") for model in answers if model}
    return found


def _operation(route: Route, tag: str, refs: Refs) -> dict[str, Any]:
    lines = (route.handler.__doc__ or "").strip().splitlines()
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "tags": [tag],
        "summary": lines[0] if lines else "",
        "description": _description(route),
        "responses": {str(status): answer for status, answer in _answers(route, refs)},
    }
    if parameters := list(_parameters(route)):
        operation["parameters"] = parameters
    if route.body:
        operation["requestBody"] = {
            "required": route.takes is not None,
            "content": {_JSON: {"schema": refs[route.body, "validation"]}},
        }
    if route.public:
        operation["security"] = []
    return operation


def _description(route: Route) -> str:
    """Return what the handler's docstring says, and what the body's says about its fields."""
    docstrings = [route.handler.__doc__, route.body.__doc__ if route.body else None]
    return "\n\n".join(inspect.cleandoc(text) for text in docstrings if text)


def _parameters(route: Route) -> Iterator[Mapping[str, Any]]:
    for name in _PARAMETER.findall(route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, **_PARAMETERS.get(name, {})}
    if route.versioned:
        yield _VERSION
    if route.query:
        for name, schema in route.query.model_json_schema()["properties"].items():
            yield {"name": name, "in": "query", "schema": _not_null(schema)}


def _not_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema without null: a query parameter is given or left out."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    return choices[0] if choices else schema


def _answers(route: Route, refs: Refs) -> Iterator[tuple[int, Mapping[str, Any]]]:
    yield route.status, _success(route, refs)
    for status, model in route.otherwise.items():
        yield status, _with_json(_ANSWERS[status], refs[model, "serialization"])
    if route.public:
        return
    error = refs[ErrorBody, "serialization"]
    for status in sorted(_error_statuses(route)):
        yield status, _with_json(_ANSWERS[status], error)


def _error_statuses(route: Route) -> set[int]:
    statuses = {401, 500, 503, *route.refuses}
    if route.body:
        statuses |= {400, 408, 413, 415}
    if route.versioned or route.query:
        statuses.add(400)
    if "{" in route.path:
        statuses.add(422)
    return statuses


def _success(route: Route, refs: Refs) -> Mapping[str, Any]:
    sets_agents = route.body is not None and not _SETS_AGENTS.isdisjoint(route.body.model_fields)
    return {**_success_body(route, refs), **({"headers": _HEADERS} if sets_agents else {})}


def _success_body(route: Route, refs: Refs) -> Mapping[str, Any]:
    if route.text:
        return {
            "description": "Done.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    if route.lists:
        return _with_json("Done.", {"type": "array", "items": refs[route.lists, "serialization"]})
    if route.answers:
        return _with_json("Done.", refs[route.answers, "serialization"])
    return {"description": "Done."}


def _with_json(description: str, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"description": description, "content": {_JSON: {"schema": schema}}}


@cache
def document() -> bytes:
    """Return the document as JSON, which takes a quarter of a second the first time."""
    return json.dumps(describe()).encode()


async def show_openapi(_: web.Request) -> web.Response:
    """Answer the OpenAPI document of this API."""
    # Made when it is asked for, since callers may wait for the start; in a thread, since then the audio of calls would.
    return web.Response(body=await asyncio.to_thread(document), content_type=_JSON)
