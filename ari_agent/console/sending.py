"""Answers that are sent piece by piece, to browsers that may read slowly or be gone."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

READ_WITHIN_S: Final = 20.0


async def send(request: web.Request, response: web.StreamResponse, piece: bytes, *, within_s: float) -> None:
    """Write a piece of an answer. within_s: how long the browser may take until there is room for it.

    Raises:
        ConnectionResetError: the browser is gone, or was cut off because it does not read.
    """
    try:
        async with asyncio.timeout(within_s):
            await response.write(piece)
    except TimeoutError:
        cut_off(request)
        raise ConnectionResetError("the browser does not read") from None


def cut_off(request: web.Request) -> None:
    """Close the connection at once: what was written is not waited for, and the browser knows that it is not all."""
    if request.transport is not None:
        request.transport.abort()
