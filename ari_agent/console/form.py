"""The form that a page sends: small, and read as text alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from ari_agent.errors import ApiError

_MOST_BYTES: Final = 16 * 1024
_MOST_FIELDS: Final = 50
_WITHIN_S: Final = 30.0
_TYPE: Final = "application/x-www-form-urlencoded"


async def read_form(request: web.Request) -> Mapping[str, str]:
    """Return the fields of a form by their names; of a name that is there twice, the last.

    Not by aiohttp's own `post`, which opens a file for each part of a multipart form: strangers could use up the files
    that calls need.

    Raises:
        ApiError: 400, 408, 413 or 415, with what would be right.
    """
    if request.can_read_body and request.content_type != _TYPE:
        raise ApiError(415, f"a form of this console comes as {_TYPE}")
    if (request.content_length or 0) > _MOST_BYTES:
        raise ApiError(413, f"the form is larger than {_MOST_BYTES} bytes")
    try:
        async with asyncio.timeout(_WITHIN_S):
            body = await request.read()
    except TimeoutError:
        raise ApiError(408, f"the form did not arrive within {_WITHIN_S:g} s") from None
    except (web.RequestPayloadError, ConnectionError):
        raise ApiError(400, "the form did not arrive whole") from None
    if len(body) > _MOST_BYTES:
        raise ApiError(413, f"the form is larger than {_MOST_BYTES} bytes")
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise ApiError(400, f"the form has more than {_MOST_FIELDS} fields") from None
