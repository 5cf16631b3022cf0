"""Reading what a request says: its JSON body, its query, and the ids in its path."""

from __future__ import annotations

import re
from typing import Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from ari_agent.contract.explain import explain
from ari_agent.contract.json_text import parse_json
from ari_agent.contract.model import AgentVersionReference
from ari_agent.errors import ApiError

Model = TypeVar("Model", bound=BaseModel)

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_VERSION: Final = re.compile(r"[0-9]{1,9}")
_TAG: Final = re.compile(r"[a-z0-9_-]{1,20}")


async def read_body(request: web.Request, model: type[Model], *, optional: bool = False) -> Model:
    """The body as an object of the API. The Content-Type is not looked at: clients send it without a body, and bodies
    without it.

    optional: an empty body is an empty object.

    Raises:
        MalformedJson, ApiError: 400, one line that says what was wrong and what would be right.
        aiohttp.web.HTTPRequestEntityTooLarge: 413.
    """
    raw = await request.read()
    if not raw.strip() and not optional:
        raise ApiError(400, "the body is empty; expected a JSON object")
    given = parse_json(raw) if raw.strip() else {}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise ApiError(400, explain(error, given)) from None


def read_query(request: web.Request, model: type[Model]) -> Model:
    """The query string as an object: numbers and booleans are read from their text."""
    given = dict(request.query)
    try:
        return model.model_validate_strings(given)
    except ValidationError as error:
        raise ApiError(400, explain(error, given, root="query")) from None


def path_id(request: web.Request, name: str, noun: str) -> str:
    """An id in the path. One that no id looks like is as unknown as any other: ApiError 422, without a look-up."""
    value = request.match_info[name]
    if not _ID.fullmatch(value):
        raise unknown(noun, value)
    return value


def query_version(request: web.Request) -> AgentVersionReference | None:
    """`?version=`: a number, a tag, `latest` or `latest_published`."""
    text = request.query.get("version")
    if text is None or text == "":
        return None
    if _VERSION.fullmatch(text):
        return int(text)
    if _TAG.fullmatch(text):
        return text
    raise ApiError(400, "version: must be a version number, a tag, latest or latest_published")


def unknown(noun: str, value: str) -> ApiError:
    """Retell answers 422, not 404, for an id that the key's workspace does not have (its OpenAPI, 2026-08)."""
    shown = value if len(value) <= 64 and value.isprintable() else f"{value[:32]!a}..."
    return ApiError(422, f"{noun} {shown} not found")
