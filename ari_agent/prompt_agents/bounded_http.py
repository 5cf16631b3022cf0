"""The HTTP of OpenAI's client within bounds: whatever a server sends, it cannot fill the memory or stop the audio.

Source: server-sent events, HTML standard section 9.2. OpenAI's client keeps an event until its blank line has come, and
copies what it has of it with every line; httpx2 unpacks what a server says is packed, in the thread of all calls.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Final

import httpx2

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
"""Of one answer, with all that its events have around the text."""
MAX_EVENT_BYTES: Final = 128 * 1024
"""Of one event in it; a piece of an answer has a few hundred."""
_BLANK_LINE: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r")


class TooMuch(Exception):
    """Raised while an answer is read that is longer than any answer, or packed; the message says which."""


class BoundedTransport(httpx2.AsyncHTTPTransport):
    """Sends requests as httpx2 does, and reads no more than the bounds of what is answered."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request. Raises: TooMuch, where the answer is packed, which was not asked for."""
        response = await super().handle_async_request(request)
        if (packing := response.headers.get("Content-Encoding", "identity")) != "identity":
            await response.aclose()
            raise TooMuch(f"it is packed by {packing[:20]!a}")
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _BoundedStream(response.stream)
        return response


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        total = of_event = 0
        tail = b""
        async for piece in self._stream:
            total += len(piece)
            ends = [found.end() for found in _BLANK_LINE.finditer(tail + piece)]
            of_event = len(tail + piece) - ends[-1] if ends else of_event + len(piece)
            tail = piece[-3:]
            if total > MAX_ANSWER_BYTES or of_event > MAX_EVENT_BYTES:
                raise TooMuch("it is too long")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


def new_client(timeout: httpx2.Timeout) -> httpx2.AsyncClient:
    """Make the client, which unpacks nothing and takes no redirect: conversations go where a setting says."""
    return httpx2.AsyncClient(
        transport=BoundedTransport(limits=httpx2.Limits(max_connections=None, keepalive_expiry=60.0)),
        headers={"Accept-Encoding": "identity"},
        follow_redirects=False,
        timeout=timeout,
    )
