"""Dials an audio agent's websocket and carries its messages.

Built on picows: its callbacks hand each frame over where it was received, without a task or a queue in between, which
costs a third less per message than aiohttp (tests/benchmarks/README.md). Only frame_listener.py knows the library too.

    AudioSocket(protocol, events)      protocol: TwilioClient | WebClient, turns messages into bytes and back
        .connect(url)                  AgentReady follows as events.on_agent_ready()
        .send_audio(payload)           may be dropped when the agent does not read
        .send(message)                 is not
        .renew(protocol)               after a loss; `connect` then dials again

What the agent may do to us is bounded: messages to the protocol's max_message_bytes, fragments included; unread audio
to BACKLOG_AUDIO_MESSAGES, then the oldest goes; what it sends to BURST_BYTES and BYTES_PER_S, then it is not read for a
while, so that no agent keeps the other calls waiting; silence is pinged. A message that the protocol cannot make sense
of, or that is too large, is ignored, and the agent is told why (bad_messages.py). What breaks RFC 6455 closes the
websocket, and so does a message of more than SKIPPED_BYTES above the limit.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from picows import WSCloseCode, WSError, WSInvalidStatusError, WSMsgType, WSTransport, ws_connect

from ari_agent.agents.bad_messages import BadMessages, Verdict
from ari_agent.agents.control import refusal
from ari_agent.agents.frame_listener import SKIPPED_BYTES, FrameListener
from ari_agent.agents.intake import Intake
from ari_agent.agents.message import AgentMessage, Audio
from ari_agent.agents.protocol import AgentProtocol
from ari_agent.agents.read_pauses import ReadPauses
from ari_agent.agents.round_trips import FIRST_PING_S, PING_EVERY_S, RoundTrips
from ari_agent.agents.tcp_connection import TcpConnection, agent_url, tls_of
from ari_agent.agents.token_bucket import TokenBucket
from ari_agent.agents.twilio_signature import SIGNATURE_HEADER, signature
from ari_agent.agents.wav_header import without_header
from ari_agent.errors import AgentCorruptPayload, AgentError, AgentLost, AgentRefused, AgentUnreachable

log = logging.getLogger(__name__)

BACKLOG_AUDIO_MESSAGES: Final = 50
"""One second of 20 ms frames: an agent that reads again after a pause wants to hear now, not what was said before."""
BACKLOG_MESSAGES: Final = 1000
"""Marks and answers are never dropped; an agent that lets this many wait is not reading at all and is closed."""
CLOSE_TIMEOUT_S: Final = 0.3
"""How long the agent has for its half of the closing handshake."""

BURST_BYTES: Final = 32 * 1024 * 1024
"""Payload that an agent may send at once.

Speech is made faster than it is spoken: ten minutes of 24 kHz PCM are 29 MB.
"""
BYTES_PER_S: Final = 4 * 1024 * 1024
"""Payload that an agent may send per second after its burst.

To take in 1 MiB keeps the event loop busy for 17 to 38 ms.
"""

_WRITE_BUFFER_BYTES: Final = 16 * 1024
_NORMAL_CODES: Final = frozenset({1000, 1001, 1005})
"""Normal closure, going away, no code given (RFC 6455 section 7.4.1): the agent is done, and nothing is wrong."""

_TEXT: Final = WSMsgType.TEXT
_BINARY: Final = WSMsgType.BINARY


class AgentEvents(Protocol):
    """What the owner of an AudioSocket is told, from the event loop and never from a task."""

    def on_agent_ready(self) -> None:
        """The websocket is open, and the protocol's opening messages are sent."""

    def on_agent_audio(self, payload: bytes) -> None:
        """The agent sent a piece of audio, in the encoding and rate of the protocol."""

    def on_agent_message(self, message: AgentMessage) -> None:
        """The agent sent a message that is not audio, such as a mark or a call control request."""

    def on_agent_closed(self, error: AgentError | None) -> None:
        """The websocket is gone, and we did not close it. error: None when the agent closed it normally."""


def _to_nobody(_round_trip_s: float) -> None:
    """Drop a round trip, because nobody asked for it."""


class AudioSocket:
    """The websocket of one audio agent, from dialling to the end.

    messages_in, messages_out: counted without control frames. bad_messages: those that could not be understood.
    audio_dropped: audio messages given up because the agent did not read. close_code: with which the agent has closed
    its latest connection (1005: without one, 1006: it just vanished); None while it has not.
    """

    def __init__(
        self,
        protocol: AgentProtocol,
        events: AgentEvents,
        *,
        ping_idle_s: float = 10.0,
        budget: TokenBucket | None = None,
        on_round_trip: Callable[[float], None] = _to_nobody,
        ping_every_s: float = PING_EVERY_S,
        log: logging.Logger | logging.LoggerAdapter[Any] = log,
    ) -> None:
        """Take the protocol that turns values into messages, and the owner that is told what happens.

        ping_idle_s: silence from the agent after which it is pinged; it has as long again to answer.
        budget: of the bytes that the agent may send; BURST_BYTES and BYTES_PER_S when left out.
        on_round_trip: is told how many seconds the agent took to answer a ping, one in ping_every_s, the first of which
        comes within FIRST_PING_S.
        log: for what goes wrong; an adapter names the call.
        """
        self._log = log
        self._events = events
        self._budget = budget or TokenBucket(BURST_BYTES, BYTES_PER_S)
        self._ping_idle_s, self._ping_every_s = ping_idle_s, ping_every_s
        self._on_round_trip = on_round_trip
        self._bad = BadMessages()
        self.close_code: int | None = None
        self._url = ""
        self.messages_in = 0
        self.messages_out = 0
        self.audio_dropped = 0
        self._begin(protocol)

    def _begin(self, protocol: AgentProtocol) -> None:
        """Take what one connection alone has."""
        self._protocol = protocol
        self._audio_type = _BINARY if protocol.audio_is_binary else _TEXT
        self._transport: WSTransport | None = None
        self._connection = TcpConnection()
        self._listener: FrameListener | None = None
        self._pauses = ReadPauses(self._budget)
        self._intake = Intake(self._events.on_agent_audio, self._intake_busy)
        self._round_trips = RoundTrips()
        self._next_ping: asyncio.TimerHandle | None = None
        self._backlog: deque[tuple[WSMsgType, bytes, bool]] = deque()  # type, message, whether it may be dropped
        self._congested = False
        self._closing = False

    def renew(self, protocol: AgentProtocol) -> None:
        """Forget the connection that was lost, or was not made, so that `connect` makes another. The counters go on.

        protocol: of the new connection.
        """
        self._stop_timers()
        if self._transport is not None:
            self._transport.disconnect(graceful=False)
        self._begin(protocol)

    def __repr__(self) -> str:
        state = "closed" if self._closing else "open" if self.is_open else "not open"
        return f"AudioSocket({self._url}, {state}, {self.messages_in} in, {self.messages_out} out)"

    @property
    def bad_messages(self) -> int:
        """Return how many messages of the agent could not be understood."""
        return self._bad.count

    @property
    def rests(self) -> bool:
        """Return whether the agent has sent so much that it is not read for a while."""
        return self._pauses.rests

    @property
    def is_open(self) -> bool:
        """Return whether messages can be sent."""
        return self._transport is not None and not self._closing

    async def connect(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth_token: str | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        """Dial the agent, shake hands, and send the protocol's opening messages.

        url: ws or wss; user and password in it become Basic authorization. wss checks the certificate against the
        system's authorities, or SSL_CERT_FILE. Redirects are not followed: the headers may hold a secret.
        auth_token: signs the URL as Twilio does.

        Raises: AgentUnreachable, AgentRefused.
        """
        destination = agent_url(url)
        shown = self._url = destination.shown
        signed = {SIGNATURE_HEADER: signature(destination.target, auth_token)} if auth_token else {}
        dialling = asyncio.create_task(
            ws_connect(
                self._new_listener,
                destination.target,
                ssl_context=tls_of(destination.target),
                websocket_handshake_timeout=None,
                enable_auto_ping=True,
                auto_ping_idle_timeout=self._ping_idle_s,
                auto_ping_reply_timeout=self._ping_idle_s,
                enable_auto_pong=False,  # FrameListener answers
                max_frame_size=self._protocol.max_message_bytes + SKIPPED_BYTES,
                extra_headers={**destination.authorization, **signed, **(headers or {})},
                max_redirects=0,
                socket_factory=lambda parsed: self._connection.open(parsed.host, parsed.port),
                logger_name=self._log,
            ),
            name=f"dial {shown}",
        )
        try:
            async with asyncio.timeout(timeout_s):
                transport, listener = await dialling
        except TimeoutError:
            raise AgentUnreachable(shown, f"no websocket handshake within {timeout_s:g} s") from None
        except WSInvalidStatusError as error:
            raise AgentRefused(shown, error.response.status if error.response else 0) from None
        except (OSError, WSError, ValueError) as error:
            raise AgentUnreachable(shown, str(error) or type(error).__name__) from None
        finally:
            if self._transport is None:
                self._closing = True
                self._connection.cut()
        if not isinstance(
            listener, FrameListener
        ):  # picows ends the handshake without an error when the peer closes in the middle of it
            transport.disconnect(graceful=False)
            raise AgentUnreachable(shown, "the connection was closed during the handshake")

    async def wait_closed(self) -> None:
        """Wait until the websocket is gone, whoever closed it."""
        if self._transport is not None:
            try:
                await self._transport.wait_disconnected()
            except Exception as error:  # picows keeps whatever ended the connection here; it was reported as closed
                log.debug("websocket ended with %r", error)

    def send_audio(self, payload: bytes) -> None:
        """Send a piece of the caller's audio, in the protocol's encoding.

        While the agent does not read, audio is held back and dropped, oldest first. Without an agent nothing is sent.
        """
        transport = self._transport
        if transport is None or self._closing:
            return
        message = self._protocol.audio(payload)
        if self._congested:
            self._hold(self._audio_type, message, droppable=True)
            return
        self.messages_out += 1
        transport.send(self._audio_type, message)

    def send(self, message: bytes) -> None:
        """Send a text message of the protocol, in order and never dropped; without an agent nothing is sent.

        An empty one stands for what the protocol has no message for.
        """
        if not message or self._transport is None or self._closing:
            return
        if self._congested:
            self._hold(_TEXT, message, droppable=False)
            return
        self.messages_out += 1
        self._transport.send(_TEXT, message)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send the closing messages and this close code, and wait for the agent's, up to CLOSE_TIMEOUT_S.

        No event follows.
        """
        self.hang_up(code, reason)
        if self._transport is None:
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.wait_closed()
        except TimeoutError:
            self._transport.disconnect(graceful=False)
            await self.wait_closed()

    def hang_up(self, code: int = 1000, reason: str = "") -> None:
        """Send the close frame, after the closing messages if the code is 1000, without waiting for the agent's."""
        if self._closing:
            return
        if self._transport is not None and code == 1000:
            for message in self._protocol.closing():
                self.send(message)
        self._closing = True
        self._backlog.clear()
        self._intake.drop()
        if self._transport is not None:
            # A close frame holds at most 125 bytes, two of them the code (RFC 6455 section 5.5).
            self._transport.send_close(WSCloseCode(code), reason.encode()[:123].decode(errors="ignore"))

    def _hold(self, kind: WSMsgType, message: bytes, *, droppable: bool) -> None:
        backlog = self._backlog
        backlog.append((kind, message, droppable))
        if droppable and sum(1 for held in backlog if held[2]) > BACKLOG_AUDIO_MESSAGES:
            oldest = next(index for index, held in enumerate(backlog) if held[2])
            del backlog[oldest]
            self.audio_dropped += 1
        elif len(backlog) > BACKLOG_MESSAGES:
            self._end(AgentLost(1008, "it does not read its messages"), code=1008)

    # What the websocket tells us, through FrameListener.

    def opened(self, transport: WSTransport) -> None:
        """Take the transport of a finished handshake, and send the opening messages."""
        self._transport = transport
        self._pauses.begin(transport)
        transport.underlying_transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        if self._closing:
            transport.disconnect(graceful=False)
            return
        for message in self._protocol.opening():
            self.send(message)
        self._events.on_agent_ready()
        self._ping_in(min(FIRST_PING_S, self._ping_every_s))

    def _ping_in(self, delay_s: float) -> None:
        self._next_ping = asyncio.get_running_loop().call_later(delay_s, self._ping)

    def _ping(self) -> None:
        if self._transport is None or self._closing:
            return
        if not self._congested:  # it would measure how long the agent does not read
            self._transport.send_ping(self._round_trips.ping(asyncio.get_running_loop().time()))
        self._ping_in(self._ping_every_s)

    def pong(self, payload: bytes) -> None:
        """Tell the owner how long the agent took to answer, if this answers the latest ping."""
        round_trip_s = self._round_trips.pong(payload, asyncio.get_running_loop().time())
        if round_trip_s is not None and not self._closing:
            self._on_round_trip(round_trip_s)

    def text(self, text: bytes) -> None:
        """Pass on what the protocol reads from a whole text message. Raises: AgentCorruptPayload."""
        self.messages_in += 1
        audio = self._protocol.read_audio(text)
        if audio is not None:
            self._take_audio(audio)
        else:
            self._deliver(self._protocol.read_text(text))

    def binary(self, data: bytes) -> None:
        """Pass on what the protocol reads from a whole binary message. Raises: AgentCorruptPayload."""
        self.messages_in += 1
        if self._protocol.audio_is_binary:
            self._take_audio(data)
        else:
            self._deliver(self._protocol.read_binary(data))

    def bad(self, error: AgentCorruptPayload) -> None:
        """Ignore a message that cannot be understood, and tell the agent why; endless garbage ends the conversation."""
        if self._closing:
            return
        verdict = self._bad.judge(asyncio.get_running_loop().time())
        if self._bad.count == 1:
            self._log.warning("a message of the agent is ignored (only the first of a call is told): %s", error.why)
        if verdict is Verdict.END:
            why = f"endless garbage, {self._bad.count} messages; the last: {error.why}"
            self.broken(AgentCorruptPayload(why, event=error.event), code=1008)
        elif verdict is Verdict.ANSWER:
            self.send(self._protocol.control(refusal(error.event, error.why)))

    def broken(self, error: AgentCorruptPayload, code: int) -> None:
        """Close the websocket with this code, because no sense can be made of what comes, and tell the owner why."""
        self._end(error, code=code)

    def congested(self, now: bool) -> None:
        """Hold messages back because the agent reads too slowly, or send those held back because it reads again."""
        self._congested = now
        while self._backlog and not self._congested and self._transport is not None:
            kind, message, _ = self._backlog.popleft()
            self.messages_out += 1
            self._transport.send(kind, message)  # may turn self._congested on again

    def closed(self, transport: WSTransport, code: int, reason: str) -> None:
        """Tell the owner that the websocket is gone.

        code: the agent's; 1005 when it gave none, 1006 when it just vanished.
        """
        if transport is not self._transport:  # of a connection before this one
            return
        self._stop_timers()
        if self._closing:
            return
        self.close_code = code
        self._transport = None  # nothing can be sent any more
        error = None if code in _NORMAL_CODES else AgentLost(code, reason)
        self._intake.do(lambda: self._lost(error))  # after what the agent said last

    def _stop_timers(self) -> None:
        self._pauses.end()
        if self._next_ping is not None:
            self._next_ping.cancel()

    def came(self, size_bytes: int) -> None:
        """Count what the agent sent, every LOOK_EACH_BYTES; over the budget, stop reading for a while."""
        if not self._closing:
            self._pauses.came(size_bytes)

    def _intake_busy(self, busy: bool) -> None:
        if self._listener is not None:
            self._listener.wait_in_line(busy)
        self._pauses.wait(busy)

    def _new_listener(self) -> FrameListener:
        self._listener = FrameListener(self, self._protocol, self._events)
        return self._listener

    def _lost(self, error: AgentLost | None) -> None:
        if not self._closing:
            self._closing = True
            self._backlog.clear()
            self._events.on_agent_closed(error)

    def _take_audio(self, payload: bytes) -> None:
        """Hand audio on that did not go straight to its listener, without the header of a WAV file."""
        protocol = self._protocol
        audio, told = without_header(payload, encoding=protocol.encoding, rate_hz=protocol.rate_hz)
        if told:
            self.bad(AgentCorruptPayload(told, event="media"))
        if audio:
            self._intake.audio(audio)

    def _deliver(self, message: AgentMessage) -> None:
        if isinstance(message, Audio):
            if (told := message.before) is not None:
                self._intake.do(lambda: self._events.on_agent_message(told))
            self._take_audio(message.payload)
        else:
            self._intake.do(lambda: self._events.on_agent_message(message))

    def _end(self, error: AgentError, *, code: int) -> None:
        if self._closing:
            return
        self.hang_up(code, str(error))
        if self._transport is not None:
            self._transport.disconnect()
        self._events.on_agent_closed(error)
