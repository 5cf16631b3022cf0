"""Reading what a request says: its JSON body, its query, and the ids in its path."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from ari_agent.api.dependencies import Handler
from ari_agent.api.errors import MAX_BODY_BYTES
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.parsing.json_text import parse_json
from ari_agent.contract.parsing.model import AgentVersionReference, unknown_keys
from ari_agent.errors import ApiError

Model = TypeVar("Model", bound=BaseModel)

UNKNOWN_KEYS: Final = web.RequestKey("unknown_keys", Sequence[str])
"""Under this name a request holds the keys of its body and query that nobody reads."""

BODY_TIMEOUT_S: Final = 30.0
LARGE_BODY_BYTES: Final = 16 * 1024
"""From here on a body is read in a thread: a batch of thousands of calls takes half a second, which every call in
progress would hear."""

_NOT_PACKED: Final = frozenset({"", "identity"})
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_VERSION: Final = re.compile(r"[0-9]{1,9}")
_TAG: Final = re.compile(r"[a-z0-9_-]{1,20}")


@web.middleware
async def refuse_packed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 415 where the body is packed: a kilobyte may unpack to a megabyte, and the audio of calls would wait."""
    if not _NOT_PACKED.issuperset(value.strip().lower() for value in request.headers.getall("Content-Encoding", ())):
        raise ApiError(415, "the body is packed, which is not read here: send it as it is, without Content-Encoding")
    return await handler(request)


async def read_body(request: web.Request, model: type[Model], *, optional: bool = False) -> Model:
    """Return the body as an object of the API.

    The Content-Type is not looked at: clients send it without a body, and bodies without it.

    optional: an empty body is an empty object.

    Raises:
        MalformedJson, ApiError: 400, one line that says what was wrong and what would be right; 408: it did not come.
        aiohttp.web.HTTPRequestEntityTooLarge: 413.
    """
    raw = await arrived_body(request)
    if not raw.strip() and not optional:
        raise ApiError(400, "the body is empty; expected a JSON object")
    if len(raw) > LARGE_BODY_BYTES:
        found, unknown = await asyncio.to_thread(_read, raw, model)
    else:
        found, unknown = _read(raw, model)
    _note(request, unknown)
    return found


def _read(raw: bytes, model: type[Model]) -> tuple[Model, Sequence[str]]:
    given = parse_json(raw) if raw.strip() else {}
    try:
        return model.model_validate(given), unknown_keys(model, given)
    except ValidationError as error:
        raise ApiError(400, explain(error, given)) from None


def _note(request: web.Request, keys: Sequence[str]) -> None:
    request[UNKNOWN_KEYS] = (*request.get(UNKNOWN_KEYS, ()), *keys)


async def arrived_body(request: web.Request) -> bytes:
    """Return all bytes of the body, which may be read more than once.

    An announced length only serves to refuse what is too large before it comes. Raises as `read_body` does.
    """
    announced = request.content_length or 0
    if announced > MAX_BODY_BYTES:
        raise web.HTTPRequestEntityTooLarge(max_size=MAX_BODY_BYTES, actual_size=announced)
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await request.read()
    except TimeoutError:
        raise ApiError(408, f"the body did not arrive within {BODY_TIMEOUT_S:g} s") from None
    except web.RequestPayloadError:
        raise ApiError(400, "the body does not come in the pieces that Transfer-Encoding promises") from None
    except ConnectionError:
        raise ApiError(400, "the connection closed before the body was there") from None  # nobody hears that


def read_query(request: web.Request, model: type[Model]) -> Model:
    """Return the query string as an object of the API; numbers and booleans are read from their text.

    Raises:
        ApiError: 400, one line that says what was wrong and what would be right.
    """
    given = dict(request.query)
    _note(request, unknown_keys(model, given))
    try:
        return model.model_validate_strings(given)
    except ValidationError as error:
        raise ApiError(400, explain(error, given, root="query")) from None


def path_id(request: web.Request, name: str, noun: str) -> str:
    """Return an id from the path.

    Raises:
        ApiError: 422, as for an unknown id: it has characters or a length that no id has, and is not looked up.
    """
    value = request.match_info[name]
    if not _ID.fullmatch(value):
        raise unknown(noun, value)
    return value


def query_version(request: web.Request) -> AgentVersionReference | None:
    """Return `?version=`: a number, a tag, `latest` or `latest_published`; None where it is left out.

    Raises:
        ApiError: 400, it is none of these.
    """
    text = request.query.get("version")
    if text is None or text == "":
        return None
    if _VERSION.fullmatch(text):
        return int(text)
    if _TAG.fullmatch(text):
        return text
    raise ApiError(400, "version: must be a version number, a tag, latest or latest_published")


def unknown(noun: str, value: str) -> ApiError:
    """Return the error for an id that does not exist: 422, which Retell answers and not 404 (its OpenAPI, 2026-08)."""
    shown = value if len(value) <= 64 and value.isprintable() else f"{value[:32]!a}..."
    return ApiError(422, f"{noun} {shown} not found")
