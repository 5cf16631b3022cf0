"""Answers that are sent piece by piece, to browsers that may read slowly or be gone: none keeps them in memory."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from aiohttp import web

READ_WITHIN_S: Final = 20.0
_PIECE: Final = 64 * 1024
"""Bytes that are written at once."""


async def send_whole(request: web.Request, answer: web.Response, *, within_s: float) -> web.StreamResponse:
    """Send an answer, however long it is. within_s: how long the browser may take for each piece, or is cut off."""
    body = answer.body
    if request.method == "HEAD" or not isinstance(body, bytes) or len(body) <= _PIECE:
        return answer
    sent = web.StreamResponse(status=answer.status, headers=answer.headers)
    sent.cookies.update(answer.cookies)
    sent.content_length = len(body)
    with suppress(ConnectionResetError):
        await sent.prepare(request)
        await send(request, sent, body, within_s=within_s)
    return sent


async def send(request: web.Request, response: web.StreamResponse, part: bytes, *, within_s: float) -> None:
    """Write a part of an answer. within_s: how long the browser may take until there is room for 64 KiB more.

    Raises:
        ConnectionResetError: the browser is gone, or was cut off because it does not read.
    """
    try:
        for start in range(0, len(part), _PIECE):
            async with asyncio.timeout(within_s):
                await response.write(part[start : start + _PIECE])
    except TimeoutError:
        cut_off(request)
        raise ConnectionResetError("the browser does not read") from None


def cut_off(request: web.Request) -> None:
    """Close the connection at once: what was written is not waited for, and the browser knows that it is not all."""
    if request.transport is not None:
        request.transport.abort()
