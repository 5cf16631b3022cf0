"""An artefact as the answer to an HTTP request.

A part of a file is answered as RFC 9110 section 14 has it: one range of bytes, by 206 or 416; where several are asked
for, or If-Range names another state of the file, all of it.
"""

from __future__ import annotations

import contextlib
from email.utils import formatdate

from aiohttp import web

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefacts import OpenArtefact
from ari_agent.slow_readers import READ_WITHIN_S, send


async def send_artefact(
    request: web.Request, name: ArtefactName, found: OpenArtefact, *, read_within_s: float = READ_WITHIN_S
) -> web.StreamResponse:
    """Answer an artefact, or the part of it that the header Range asks for. found: stays open until that is done.

    read_within_s: how long whoever asks may leave a piece unread, before the connection is closed.

    Raises:
        web.HTTPRequestRangeNotSatisfiable: there is no such part.
        ArtefactError: the store cannot be reached.
    """
    tag = f'"{found.size_bytes:x}-{int(found.modified_s * 1000):x}"'
    headers = {
        "Content-Type": name.content_type,
        "Content-Disposition": f'inline; filename="{name.call_id}-{name.file}"',
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Last-Modified": formatdate(found.modified_s, usegmt=True),
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers=headers)
    start, end = _range(request, tag, headers["Last-Modified"], found.size_bytes)
    is_part = (start, end) != (0, found.size_bytes)
    if is_part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size_bytes}"
    response = web.StreamResponse(status=206 if is_part else 200, headers=headers)
    response.content_length = end - start
    with contextlib.suppress(ConnectionResetError):  # a player that has heard enough
        await response.prepare(request)
        if request.method != "HEAD":
            async for piece in found.read(start, end):
                await send(request, response, piece, within_s=read_within_s)
        await response.write_eof()
    return response


def _range(request: web.Request, tag: str, modified: str, size: int) -> tuple[int, int]:
    """Return which bytes are asked for: the first, and the one behind the last."""
    if request.headers.get("If-Range", tag) not in {tag, modified}:
        return 0, size
    try:
        asked = request.http_range
    except ValueError:
        return 0, size  # RFC 9110 section 14.2: a Range that is not understood is ignored
    start, end, _ = asked.indices(size)
    if start >= end and request.headers.get("Range"):
        raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{size}"})
    return start, end
