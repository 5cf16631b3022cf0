"""The user's side of a web call: the websocket that a browser, Twilio or a gateway has opened to us.

Two protocols (agents/web.py and agents/twilio.py, server role). Where the registration does not say which, the first
message does: Twilio begins with a JSON object, everything else is taken for the web protocol.

What it says is read as far as its budget goes, by whoever holds the websocket.
What it hears goes out through front_end_writer.py, but nothing before the stream can be named (Twilio's `start`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from pydantic import ValidationError

from ari_agent.agents.message import Audio, Mark, Ping
from ari_agent.agents.token_bucket import TokenBucket
from ari_agent.agents.twilio import Connected, Digit, Started, Stopped, TwilioServer
from ari_agent.agents.web import WebServer
from ari_agent.calls.call_requests import CallerGone
from ari_agent.calls.media.call_media import FrontEndCorrupt
from ari_agent.calls.web.front_end_writer import FrontEndWriter, Outgoing, Sound, Wire
from ari_agent.calls.web.rate_estimate import RateEstimate
from ari_agent.contract.registered_call import AudioFormat
from ari_agent.errors import AgentCorruptPayload

BURST_BYTES: Final = 8 * 1024 * 1024
"""What a client that was cut off for a minute has to say then, in 48 kHz PCM and base64."""
MESSAGE_BYTES: Final = 64
"""What a message counts for besides its payload: to take in an empty one is work, too."""
BYTES_PER_S: Final = 1024 * 1024
"""After that; eight times as fast as anybody speaks. To take it in keeps the event loop busy for 17 to 38 ms."""

TWILIO_AUDIO: Final = AudioFormat(audio_websocket_protocol="twilio", audio_encoding="mulaw", sample_rate=8000)


class User(Protocol):
    """What takes the audio and events of a front end. Called from the event loop, never from a task."""

    def format_known(self, audio: AudioFormat) -> None:
        """Take note of how audio travels; called once, before any audio."""

    def hear(self, payload: bytes) -> None:
        """Take the user's audio, in that format and of any length."""

    def key_pressed(self, digit: str) -> None:
        """Take note that the user pressed this key."""

    def mark_heard(self, name: str) -> None:
        """Take note that all audio before this mark was heard, or cleared."""


@dataclass(frozen=True, slots=True)
class FrontEndOptions:
    """What the client asks for in the query of the URL. updates: transcripts; aligned: agent audio as JSON."""

    updates: bool = False
    aligned: bool = False


FrontEndEvent: TypeAlias = FrontEndCorrupt | CallerGone


class FrontEnd:
    """The front end of one web call, made when its websocket is open; its call sets `tell` and `user`.

    messages_in: counted without control frames. budget: of what it says; whoever reads it takes from that.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        audio: AudioFormat | None = None,
        fallback: AudioFormat,
        options: FrontEndOptions | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """audio: as registered; None leaves it to the first message, and to `fallback` where that is not Twilio's.

        clock_s: any clock that never goes back, in seconds.
        """
        self.options = options or FrontEndOptions()
        self.tell: Callable[[FrontEndEvent], None] = _to_nobody
        self.user: User | None = None
        self.messages_in = 0
        self.budget = TokenBucket(BURST_BYTES, BYTES_PER_S)
        self.writer = FrontEndWriter(wire, encoded=self._encoded, on_gone=self.gone)
        self._clock_s = clock_s
        self._rate: RateEstimate | None = None
        self._fallback = fallback
        self._audio: AudioFormat | None = None
        self._server: TwilioServer | WebServer | None = None
        self._started = False
        self._gone = False
        if audio is not None:
            self._speak(audio)

    @property
    def is_twilio(self) -> bool:
        """Whether the front end speaks Twilio's protocol, and so sends marks back by itself."""
        return isinstance(self._server, TwilioServer)

    def begin(self, user: User) -> None:
        """Begin the call for this user. What the front end said before is lost, except for its format."""
        self.user = user
        self.writer.begin()
        if self._audio is not None:
            user.format_known(self._audio)

    # what it says

    def text(self, text: str) -> None:
        """Handle a text message that the front end has sent."""
        self.messages_in += 1
        data = text.encode(errors="surrogatepass")
        try:
            if self._server is None:
                self._speak(TWILIO_AUDIO if _is_twilio(data) else self._fallback)
            if isinstance(self._server, TwilioServer):
                self._hear_twilio(self._server, data)
            elif isinstance(self._server, WebServer) and isinstance(self._server.read_text(data), Ping):
                # At once, and past whatever audio waits: clients take a late pong for a lost connection.
                self.writer.put_first(self._server.pong())
        except AgentCorruptPayload as error:
            self.corrupt(error.why)

    def binary(self, data: bytes) -> None:
        """Handle a binary message that the front end has sent."""
        self.messages_in += 1
        if self._server is None:
            self._speak(self._fallback)
        if isinstance(self._server, TwilioServer):
            self.corrupt(f"a binary message of {len(data)} bytes; Twilio's protocol is JSON text")
        elif self.user:
            self.user.hear(data)
            if self._rate:
                self._watch_rate(self._rate, len(data))

    def _watch_rate(self, rate: RateEstimate, size_bytes: int) -> None:
        """Take note of a message of audio; report one that comes at another rate than the call's."""
        other_hz = rate.hear(size_bytes, self._clock_s())
        if other_hz and self._audio:
            why = f"audio comes at {other_hz} Hz, not the {self._audio.sample_rate} Hz of this call"
            self.tell(FrontEndCorrupt(why, is_for_client=True))
        if other_hz or rate.settled:
            self._rate = None

    def corrupt(self, why: str) -> None:
        """Report that the front end has sent what its protocol does not allow."""
        self.tell(FrontEndCorrupt(why))

    def gone(self) -> None:
        """Report that the websocket is closed, and that we did not close it. Idempotent."""
        if not self._gone:
            self._gone = True
            self.tell(CallerGone())

    # what it hears

    def play(self, payload: bytes) -> bool:
        """Send agent audio in the front end's format. False: it does not read, and this was dropped."""
        return self.writer.put(Sound(payload))

    def mark(self, name: str) -> None:
        """Send a mark, which Twilio sends back when all audio before was heard. Twilio only."""
        self.writer.put(Mark(name))

    def clear(self) -> list[str]:
        """Drop audio not heard yet, here and at the front end; returns the marks that had not gone out yet."""
        return self.writer.clear(self._server.clear()) if self._server is not None else []

    def pass_on(self, message: bytes) -> None:
        """Send a JSON message as it is; a front end that speaks Twilio's protocol gets none."""
        if not self.is_twilio:
            self.writer.put(message)

    async def close(self, code: int, reason: str) -> None:
        """Close the websocket. What waits to be sent is not sent. Idempotent."""
        self._gone = True
        await self.writer.close(code, reason)

    # inside

    def _speak(self, audio: AudioFormat) -> None:
        """Settle the protocol that the front end speaks, and for all protocols but Twilio's the audio format too."""
        if self._server is not None:
            return
        if audio.audio_websocket_protocol == "twilio":
            self._server = TwilioServer(encoding=audio.audio_encoding, rate_hz=audio.sample_rate)
            self.writer.forget()  # what was to be passed on before it was known to be Twilio
        else:
            self._server = WebServer()
            self._rate = RateEstimate(audio)
            self._start(audio)

    def _start(self, audio: AudioFormat) -> None:
        self._audio = audio
        self._started = True
        if self.user:
            self.user.format_known(audio)
        self.writer.open()

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

    def _encoded(self, message: Outgoing) -> str | bytes:
        if isinstance(message, bytes):
            return message.decode()
        if isinstance(self._server, TwilioServer):
            if isinstance(message, Mark):
                return self._server.mark(message.name).decode()
            return self._server.audio(message.payload).decode()
        if isinstance(message, Sound) and isinstance(self._server, WebServer):
            if self.options.aligned:
                return self._server.aligned_audio(message.payload, "").decode()
            return message.payload
        return ""


def _format(started: Started) -> AudioFormat:
    """Return the audio format that Twilio names. Raises AgentCorruptPayload where it cannot be served."""
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
    """A web client says nothing in JSON. Twilio says `connected` first; some that speak like it begin with `start`."""
    return text.lstrip().startswith(b"{")


def _to_nobody(_: FrontEndEvent) -> None:
    """Drop an event, because there is no call yet that could take it."""
