"""The files that pages load: our style and script, and those of others, of which static/README.md is the table."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Final

from aiohttp import web

_TYPES: Final[Mapping[str, str]] = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
_PATH: Final = "/console/static/"
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(slots=True)
class StaticFile:
    """One file. version: changes with its content. packed: the same by gzip, once somebody has asked for it."""

    content_type: str
    body: bytes = field(repr=False)
    version: str
    packed: bytes = field(default=b"", repr=False)


@cache
def read_static_files() -> Mapping[str, StaticFile]:
    """Return the scripts, styles and pictures by their names. Raises OSError where the package lacks them."""
    found = {}
    for file in files("ari_agent.console").joinpath("static").iterdir():
        if kind := _TYPES.get(file.name.rpartition(".")[2]):
            body = file.read_bytes()
            found[file.name] = StaticFile(kind, body, hashlib.sha256(body).hexdigest()[:16])
    return found


def versioned_path(name: str) -> str:
    """Return the path of a file's present content, which browsers keep for ever. Raises KeyError: there is none."""
    return f"{_PATH}{name}?v={read_static_files()[name].version}"


async def show_static_file(request: web.Request) -> web.Response:
    """Answer a file. One that is asked for without its version may be another after an upgrade: it is asked for again.

    Source: RFC 9110, section 8.8.3, of entity tags; RFC 8246, of `immutable`.
    """
    file = read_static_files().get(request.match_info["file"])
    if file is None:
        raise web.HTTPNotFound
    tag = f'W/"{file.version}"'  # weak, as it is that of the packed one as well
    is_this = request.query.get("v") == file.version
    headers = {"ETag": tag, "Cache-Control": _FOR_EVER if is_this else "no-cache", "Vary": "Accept-Encoding"}
    if tag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    body = file.body
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        if not file.packed:  # in a thread: the largest takes tens of milliseconds
            file.packed = await asyncio.to_thread(gzip.compress, file.body, mtime=0)
        body, headers = file.packed, {**headers, "Content-Encoding": "gzip"}
    return web.Response(body=body, content_type=file.content_type, charset="utf-8", headers=headers)
