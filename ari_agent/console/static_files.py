"""The files that pages load: our style and script, and those of others, of which static/README.md is the table."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Final

from aiohttp import web

_TYPES: Final[Mapping[str, str]] = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class StaticFile:
    """One file. tag: changes with its content (RFC 9110 section 8.8.3)."""

    content_type: str
    body: bytes
    tag: str

    @cached_property
    def packed(self) -> bytes:
        """The file in gzip; to be asked for in a thread, as the largest takes 30 ms the first time."""
        return gzip.compress(self.body)


STATIC_FILES: Final = web.AppKey("static_files", Mapping[str, StaticFile])


def read_static_files() -> Mapping[str, StaticFile]:
    """Return the scripts, styles and pictures by their names. Raises OSError where the package lacks them."""
    found = {}
    for file in files("ari_agent.console").joinpath("static").iterdir():
        if kind := _TYPES.get(file.name.rpartition(".")[2]):
            body = file.read_bytes()
            found[file.name] = StaticFile(kind, body, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
    return found


async def show_static_file(request: web.Request) -> web.Response:
    """Answer a file, which the browser keeps and asks about again: it may be another after an upgrade."""
    file = request.app[STATIC_FILES].get(request.match_info["file"])
    if file is None:
        raise web.HTTPNotFound
    headers = {
        "ETag": file.tag,
        "Cache-Control": "no-cache",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("If-None-Match") == file.tag:
        return web.Response(status=304, headers=headers)
    body = file.body
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        body = await asyncio.to_thread(lambda: file.packed)
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=body, content_type=file.content_type, charset="utf-8", headers=headers)
