"""What goes out to a front end: in order, by one task, as fast as it reads, so that a slow reader holds up nobody.

Audio that waits can still be taken back, which is what `clear` is for. What may wait is bounded, since neither a front
end that does not read nor an agent that talks without end may take the memory of the other calls.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from ari_agent.agents.message import Mark

UNREAD_LIMIT: Final = 20_000
"""Messages that wait for a front end that does not read. Ten minutes of audio at 50 a second are 30,000; nobody who
listens is behind by most of that."""
UNREAD_BYTES_LIMIT: Final = 64 * 1024 * 1024
"""The most bytes that wait for a front end that does not read: about ten minutes of 48 kHz PCM."""


class Wire(Protocol):
    """The websocket to write to, as the HTTP server provides it."""

    async def send(self, message: str | bytes) -> None:
        """Send a text or binary message; waits while the other side does not read. ConnectionError when it is gone."""

    async def close(self, code: int, reason: str) -> None:
        """Close the websocket, whatever state it is in; quick, and raises nothing."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of agent audio, in the front end's format, that is to be sent."""

    payload: bytes


Outgoing: TypeAlias = Sound | Mark | bytes
"""What can be sent to a front end: agent audio, a mark, or bytes for a text message that is sent as it is."""


class FrontEndWriter:
    """Sends messages to one front end in order. encoded: turns a message, once its turn has come, into what is sent.

    messages_out: counted without control frames. dropped: what found no room.
    """

    def __init__(self, wire: Wire, *, encoded: Callable[[Outgoing], str | bytes], on_gone: Callable[[], None]) -> None:
        self.messages_out = self.dropped = 0
        self._wire, self._encoded, self._on_gone = wire, encoded, on_gone
        self._waiting: deque[Outgoing] = deque()
        self._waiting_bytes = 0
        self._news = asyncio.Event()
        self._open = False
        self._writing: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start to send what waits, in order, as soon as `open` allows it. Idempotent."""
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write(), name="front end")

    def open(self) -> None:
        """Let messages go out, because the stream has its name now. Idempotent."""
        self._open = True
        self._news.set()

    def put(self, message: Outgoing) -> bool:
        """Send a message after all before it. False: the front end does not read, and the message was dropped."""
        size = _size(message)
        if len(self._waiting) >= UNREAD_LIMIT or self._waiting_bytes + size > UNREAD_BYTES_LIMIT:
            self.dropped += 1
            return False
        self._waiting.append(message)
        self._waiting_bytes += size
        self._news.set()
        return True

    def put_first(self, text: bytes) -> None:
        """Send a message before all that wait, unless the same message is the first of them already."""
        if self._waiting and self._waiting[0] == text:
            return
        self._waiting.appendleft(text)
        self._waiting_bytes += len(text)
        self._news.set()

    def clear(self, text: bytes) -> list[str]:
        """Take back audio and marks that wait, and send this message instead; returns the names of these marks.

        Of one `text` after the other, with nothing to take back between, one goes out.
        """
        marks = [message.name for message in self._waiting if isinstance(message, Mark)]
        kept = [message for message in self._waiting if isinstance(message, bytes) and message != text]
        self._waiting.clear()
        self._waiting.extend(kept)
        self._waiting_bytes = sum(map(len, kept))
        if self._open:
            self.put(text)
        return marks

    def forget(self) -> None:
        """Drop every message that waits to be sent."""
        self._waiting.clear()
        self._waiting_bytes = 0

    async def close(self, code: int, reason: str) -> None:
        """Close the websocket. What waits to be sent is not sent. Idempotent."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])
        await self._wire.close(code, reason)

    async def _write(self) -> None:
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                while self._open and self._waiting:
                    message = self._waiting.popleft()
                    self._waiting_bytes -= _size(message)
                    self.messages_out += 1
                    await self._wire.send(self._encoded(message))
        except ConnectionError:
            self._on_gone()


def _size(message: Outgoing) -> int:
    match message:
        case Sound(payload):
            return len(payload)
        case Mark(name):
            return len(name)
    return len(message)
