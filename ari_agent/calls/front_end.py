"""The user's side of a web call: the websocket that a browser, Twilio or a gateway has opened to us.

Two protocols (agents/web.py and agents/twilio.py, server role). Where the registration does not say which, the first
message does: Twilio begins with the text `connected`, everything else is taken for the web protocol.

Messages go out in order by one task, so that a slow reader holds up nobody: what waits for it is audio that `clear`
can still take back. Nothing goes out before the stream can be named (Twilio's `start`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from pydantic import ValidationError

from ari_agent.agents.message import Audio, Mark, Ping
from ari_agent.agents.twilio import Connected, Digit, Started, Stopped, TwilioServer
from ari_agent.agents.web import WebServer
from ari_agent.calls.call_media import FrontEndCorrupt
from ari_agent.calls.wishes import CallerGone
from ari_agent.contract.registered_call import AudioFormat
from ari_agent.errors import AgentCorruptPayload

log = logging.getLogger(__name__)

TWILIO_AUDIO: Final = AudioFormat(audio_websocket_protocol="twilio", audio_encoding="mulaw", sample_rate=8000)
UNREAD_LIMIT: Final = 20_000
"""Messages that wait for a front end that does not read. Ten minutes of audio at 50 a second are 30,000; nobody who
listens is behind by most of that."""


class Wire(Protocol):
    """The websocket, as the server has it."""

    async def send(self, message: str | bytes) -> None:
        """A text or a binary message; waits while the other side does not read. ConnectionError when it is gone."""

    async def close(self, code: int, reason: str) -> None:
        """Close; quick and quiet, whatever state it is in."""


class User(Protocol):
    """Who hears what the front end tells. Called from the event loop, never from a task."""

    def format_known(self, audio: AudioFormat) -> None:
        """How audio travels; called once, before any audio."""

    def hear(self, payload: bytes) -> None:
        """The user's audio, in that format, any length."""

    def key_pressed(self, digit: str) -> None:
        """The user pressed a key."""

    def mark_heard(self, name: str) -> None:
        """All audio before this mark was heard, or cleared."""


@dataclass(frozen=True, slots=True)
class FrontEndOptions:
    """What the client asks for in the query of the URL. updates: transcripts; aligned: agent audio as JSON."""

    updates: bool = False
    aligned: bool = False


FrontEndEvent: TypeAlias = FrontEndCorrupt | CallerGone


@dataclass(frozen=True, slots=True)
class _Sound:
    payload: bytes


Outgoing: TypeAlias = _Sound | Mark | bytes


class FrontEnd:
    """One front end. Made when its websocket is open; `tell` and `user` are set by its call.

    messages_in, messages_out: counted without control frames.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        audio: AudioFormat | None = None,
        fallback: AudioFormat,
        options: FrontEndOptions | None = None,
    ) -> None:
        """audio: as registered; None leaves it to the first message, and to `fallback` where that is not Twilio's."""
        self.options = options or FrontEndOptions()
        self.tell: Callable[[FrontEndEvent], None] = _to_nobody
        self.user: User | None = None
        self.messages_in = self.messages_out = self.dropped = 0
        self._wire = wire
        self._fallback = fallback
        self._audio: AudioFormat | None = None
        self._server: TwilioServer | WebServer | None = None
        self._started = False
        self._waiting: deque[Outgoing] = deque()
        self._news = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._gone = False
        if audio is not None:
            self._speak(audio)

    @property
    def is_twilio(self) -> bool:
        """It sends marks back by itself."""
        return isinstance(self._server, TwilioServer)

    def begin(self, user: User) -> None:
        """The call is there; what the front end said before it, but for its format, nobody has heard."""
        self.user = user
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write(), name="front end")
        if self._audio is not None:
            user.format_known(self._audio)

    # what it says

    def text(self, text: str) -> None:
        """A text message has come."""
        self.messages_in += 1
        data = text.encode(errors="surrogatepass")
        try:
            if self._server is None:
                self._speak(TWILIO_AUDIO if _is_twilio(data) else self._fallback)
            if isinstance(self._server, TwilioServer):
                self._hear_twilio(self._server, data)
            elif isinstance(self._server, WebServer) and isinstance(self._server.read_text(data), Ping):
                # At once, and past whatever audio waits: clients take a late pong for a lost connection.
                self._waiting.appendleft(self._server.pong())
                self._news.set()
        except AgentCorruptPayload as error:
            self.corrupt(error.why)

    def binary(self, data: bytes) -> None:
        """A binary message has come."""
        self.messages_in += 1
        if self._server is None:
            self._speak(self._fallback)
        if isinstance(self._server, TwilioServer):
            self.corrupt(f"a binary message of {len(data)} bytes; Twilio's protocol is JSON text")
        elif self.user:
            self.user.hear(data)

    def corrupt(self, why: str) -> None:
        """It has sent what no protocol here knows."""
        self.tell(FrontEndCorrupt(why))

    def gone(self) -> None:
        """The websocket is closed, and we did not close it. Idempotent."""
        if not self._gone:
            self._gone = True
            self.tell(CallerGone())

    # what it hears

    def play(self, payload: bytes) -> bool:
        """Agent audio in the front end's format. False: it does not read, and this was dropped."""
        if len(self._waiting) >= UNREAD_LIMIT:
            self.dropped += 1
            return False
        self._put(_Sound(payload))
        return True

    def mark(self, name: str) -> None:
        """Twilio only: tell when all audio before has been heard."""
        self._put(Mark(name))

    def clear(self) -> list[str]:
        """Drop what is not heard yet, here and there; the names of the marks that had not gone out yet."""
        marks = [message.name for message in self._waiting if isinstance(message, Mark)]
        kept = [message for message in self._waiting if isinstance(message, bytes)]
        self._waiting.clear()
        self._waiting.extend(kept)
        if self._server is not None and self._started:
            self._put(self._server.clear())
        return marks

    def pass_on(self, message: bytes) -> None:
        """Web only: a JSON message as it is."""
        if isinstance(self._server, WebServer):
            self._put(message)

    async def close(self, code: int, reason: str) -> None:
        """Close the websocket. What waits to be sent is not sent. Idempotent."""
        self._gone = True
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])
        await self._wire.close(code, reason)

    # inside

    def _speak(self, audio: AudioFormat) -> None:
        """The protocol is known, and of all but Twilio the format too."""
        if self._server is not None:
            return
        if audio.audio_websocket_protocol == "twilio":
            self._server = TwilioServer(encoding=audio.audio_encoding, rate_hz=audio.sample_rate)
        else:
            self._server = WebServer()
            self._start(audio)

    def _start(self, audio: AudioFormat) -> None:
        self._audio = audio
        self._started = True
        if self.user:
            self.user.format_known(audio)
        self._news.set()

    def _hear_twilio(self, server: TwilioServer, data: bytes) -> None:
        message = server.read_text(data)
        match message:
            case Audio(payload):
                if not self._started:
                    raise AgentCorruptPayload("media came before start")
                if self.user:
                    self.user.hear(payload)
            case Started() as started:
                if not self._started:
                    self._start(_format(started))
            case Digit(digit) if self.user:
                self.user.key_pressed(digit)
            case Mark(name) if self.user:
                self.user.mark_heard(name)
            case Stopped():
                self.gone()
            case Connected() | _:
                pass

    def _put(self, message: Outgoing) -> None:
        self._waiting.append(message)
        self._news.set()

    async def _write(self) -> None:
        """Send what waits, in order, as fast as the other side reads."""
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                while self._started and self._waiting:
                    self.messages_out += 1
                    await self._wire.send(self._encoded(self._waiting.popleft()))
        except ConnectionError:
            self.gone()

    def _encoded(self, message: Outgoing) -> str | bytes:
        if isinstance(message, bytes):
            return message.decode()
        if isinstance(self._server, TwilioServer):
            if isinstance(message, Mark):
                return self._server.mark(message.name).decode()
            return self._server.audio(message.payload).decode()
        if isinstance(message, _Sound) and isinstance(self._server, WebServer):
            if self.options.aligned:
                return self._server.aligned_audio(message.payload, "").decode()
            return message.payload
        return ""


def _format(started: Started) -> AudioFormat:
    """What Twilio says of its audio. Raises: AgentCorruptPayload."""
    try:
        return AudioFormat.model_validate(
            {
                "audio_websocket_protocol": "twilio",
                "audio_encoding": started.encoding,
                "sample_rate": started.rate_hz,
            }
        )
    except ValidationError:
        raise AgentCorruptPayload(f"start.mediaFormat: {started.encoding} at {started.rate_hz} Hz") from None


def _is_twilio(text: bytes) -> bool:
    return b'"connected"' in text[:200]


def _to_nobody(_: FrontEndEvent) -> None:
    """Before there is a call."""
