"""A connection to a Wyoming server, for one utterance or one text; and what the server says it can do.

The protocol has no login and no encryption: the server belongs on this machine or in a network of one's own.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal, Self

from ari_agent.endpoint import CONNECT_TIMEOUT_S, printable
from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.wyoming_events import Event, EventReader, NoWyoming, written

log = logging.getLogger(__name__)

DESCRIBE_TIMEOUT_S: Final = 5.0
_READ_BYTES: Final = 64 * 1024
_URL: Final = re.compile(r"tcp://(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+):(\d{1,5})/?")
_DOES: Final = {"asr": "speech to text", "tts": "text to speech"}


class WyomingFailed(Exception):
    """A server is out of reach, has hung up, or says something else than the protocol. The message is one line.

    said: what the server itself gave as its error; "" where it gave none.
    """

    def __init__(self, message: str, said: str = "") -> None:
        super().__init__(message)
        self.said = said


@dataclass(frozen=True, slots=True)
class WyomingServer:
    """A server as a setting names it. setting: its name, for messages. url: tcp://HOST:PORT."""

    setting: str
    url: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str, *, setting: str) -> Self:
        """Return the server at a URL.

        Raises:
            SpeechUnavailable: it is none; the message names the setting.
        """
        match = _URL.fullmatch(url)
        if not match or not 0 < int(match[2]) <= 65535:
            raise SpeechUnavailable(f"{setting} must be a URL like tcp://127.0.0.1:10300, of a Wyoming server")
        return cls(setting, url.rstrip("/"), match[1].strip("[]"), int(match[2]))

    @property
    def named(self) -> str:
        """The server as messages name it: its URL, and the setting that holds it."""
        return f"{self.url} ({self.setting})"

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[WyomingConnection]:
        """Connect, and hang up at the end, whatever was sent or awaited.

        Raises:
            WyomingFailed: the server does not take the connection within CONNECT_TIMEOUT_S.
        """
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(self.host, self.port)
        except TimeoutError:
            raise self.failed(f"no connection within {CONNECT_TIMEOUT_S:g} s") from None
        except OSError as error:
            raise self.failed(f"not reachable ({error.strerror or type(error).__name__})") from None
        try:
            yield WyomingConnection(self, reader, writer)
        finally:
            writer.transport.abort()  # what is not sent yet, nobody waits for

    async def check(self, service: Literal["asr", "tts"]) -> None:
        """Ask the server what it can do. One that does not answer now may do so when somebody calls: that is logged.

        Raises:
            SpeechUnavailable: it answers, and has no such service.
        """
        try:
            async with asyncio.timeout(DESCRIBE_TIMEOUT_S), self.connected() as connection:
                connection.send(Event("describe"))
                while (event := await connection.receive()).type != "info":
                    pass
        except (WyomingFailed, TimeoutError) as error:
            why = str(error) or f"{self.url} does not say within {DESCRIBE_TIMEOUT_S:g} s what it can do"
            log.warning("%s does not answer yet: %s", _DOES[service], why)
            return
        if not event.data.get(service):
            raise SpeechUnavailable(f"{self.setting}: the server at {self.url} offers no {_DOES[service]}")

    def failed(self, why: str, said: str = "") -> WyomingFailed:
        """Return the failure, with the names of the setting and the server; said: see WyomingFailed."""
        return WyomingFailed(f"{self.named}: {why}", said)


class WyomingConnection:
    """Sends events and receives them. Made by WyomingServer.connected."""

    def __init__(self, server: WyomingServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._events = EventReader()

    def send(self, event: Event) -> None:
        """Send an event without waiting; what the server does not take is kept, so the caller bounds how much it is.

        After the connection was lost, nothing happens: `receive` fails.
        """
        if not self._writer.transport.is_closing():
            self._writer.write(written(event))

    async def receive(self) -> Event:
        """Wait for the next event, for any time.

        Raises:
            WyomingFailed: the server hung up, sent what is no event, or an event of the type `error`.
        """
        try:
            while (event := self._events.next()) is None:
                chunk = await self._reader.read(_READ_BYTES)
                if not chunk:
                    raise self._server.failed("the server hung up before it had answered")
                self._events.feed(chunk)
        except NoWyoming as error:
            raise self._server.failed(f"the server speaks no Wyoming: {error}") from None
        except OSError as error:
            raise self._server.failed(f"the connection failed ({error.strerror or type(error).__name__})") from None
        if event.type == "error":
            said = printable(f"{event.text('code')} {event.text('text')}", secret=None) or "an error without a text"
            raise self._server.failed(f"the server answered: {said}", said)
        return event

    def hang_up(self) -> None:
        """Close the connection at once; whoever waits for an event of it is told of a failure."""
        self._writer.transport.abort()
