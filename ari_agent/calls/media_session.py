"""The media half of one call: RTP socket, bridge, agent websocket.

Plain values in (a MediaSpec, then commands), plain values out (MediaEvents): nothing of Asterisk and nothing of records
is known here, so this half can live in another process than the call's own.

    open -> accept_from -> dial_agent -> start -> ... -> close
            Asterisk's      while the    caller
            address         caller rings answered

The agent's websocket and the caller come in any order. What the agent says before `start` waits in the playout queue
and begins with `start`, so a greeting is complete and not late.

How the end shows:

| what happens                                             | event                                         |
|----------------------------------------------------------|-----------------------------------------------|
| no TCP, TLS or handshake in time, or an answer not 101   | AgentFailed(error_llm_websocket_open)         |
| `{"event":"hangup"}`                                     | AgentHungUp(its q850_cause)                   |
| the agent closes: 1000, 1001, or without a code          | AgentHungUp(16)                               |
| any other close code, reset, no answer to pings          | AgentFailed(error_llm_websocket_lost_connection) |
| a message that its protocol does not allow               | AgentFailed(error_llm_websocket_corrupt_payload) |
| nobody speaks for end_call_after_silence_ms              | CallerInactive                                |
| no RTP at all within 30 s of `start`                     | NoAudioReceived                               |

At most one of AgentHungUp and AgentFailed is ever reported. The session goes on without an agent until `close`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from ari_agent.agents.audio_socket import AudioSocket
from ari_agent.agents.control import refusal, transfer_answer
from ari_agent.agents.message import AgentMessage, Asked, CallFacts, Clear, Mark, Ping, Refused
from ari_agent.agents.twilio import TwilioClient
from ari_agent.agents.web import WebClient
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferOutcome, TransferRequest
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.response_engine import AudioWebsocketEngine
from ari_agent.errors import AgentCorruptPayload, AgentError
from ari_agent.media.bridge import AgentEncoding, Bridge
from ari_agent.media.rtp import RtpStream
from ari_agent.media.socket import RtpPorts, RtpSocket
from ari_agent.media.wheel import TURN_S, Turning, Wheel

NO_AUDIO_AFTER_S: Final = 30.0
DRAIN_LIMIT_S: Final = 10.0
"""How long an agent's last words may take after it hung up."""

NORMAL_CLEARING: Final = 16  # Q.850


@dataclass(frozen=True, slots=True)
class MediaSpec:
    """What a media session must know of its call.

    end_call_after_silence_ms: silence of both sides that ends the call. connect_timeout_s: for the agent's TCP, TLS
    and websocket handshakes together. metadata: any JSON value, handed to the agent.
    """

    call_id: str
    from_number: str
    to_number: str
    direction: str
    engine: AudioWebsocketEngine
    dynamic_variables: Mapping[str, str]
    metadata: object | None
    end_call_after_silence_ms: int
    allow_user_dtmf: bool
    connect_timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class AgentReady:
    """The agent's websocket is open and has been told about the call."""


@dataclass(frozen=True, slots=True)
class AgentFailed:
    """The agent cannot be reached, was lost, or talks nonsense. message: for logs; holds no secrets."""

    reason: DisconnectionReason
    message: str


@dataclass(frozen=True, slots=True)
class AgentHungUp:
    """The agent ended the call. What it said before may still be playing: `close(drain=True)`."""

    q850_cause: int


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """The agent wants the caller elsewhere; answer with `transfer_result` or `control_error`."""

    request: TransferRequest


@dataclass(frozen=True, slots=True)
class DtmfAsked:
    """The agent wants keys pressed towards the caller."""

    request: DtmfRequest


@dataclass(frozen=True, slots=True)
class CallerInactive:
    """Neither side spoke for end_call_after_silence_ms."""


@dataclass(frozen=True, slots=True)
class NoAudioReceived:
    """Not one RTP packet came from Asterisk within NO_AUDIO_AFTER_S of the start."""


MediaEvent: TypeAlias = (
    AgentReady | AgentFailed | AgentHungUp | TransferAsked | DtmfAsked | CallerInactive | NoAudioReceived
)


@dataclass(frozen=True, slots=True)
class MediaStats:
    """Counters of one call so far, in words of media/jitter.py and media/playout.py. Levels are the latest, in dBFS."""

    packets_received: int
    packets_sent: int
    packets_foreign: int
    packets_malformed: int
    send_errors: int
    packets_late: int
    packets_lost: int
    packets_duplicate: int
    packets_reordered: int
    packets_surplus: int
    packets_not_audio: int
    ssrc_changes: int
    concealed_ms: int
    filled_ms: int
    underruns: int
    trimmed_ms: int
    cleared_ms: int
    overflow_ms: int
    queued_ms: int
    agent_messages_received: int
    agent_messages_sent: int
    agent_messages_ignored: int
    agent_audio_dropped: int
    caller_dbfs: float
    agent_dbfs: float


class MediaSession:
    """One call's media. Everything happens in the event loop's thread, `on_event` too, which must not wait."""

    def __init__(self, spec: MediaSpec, *, rtp: RtpPorts, wheel: Wheel, on_event: Callable[[MediaEvent], None]) -> None:
        self._spec = spec
        self._ports, self._wheel, self._on_event = rtp, wheel, on_event
        self._loop = asyncio.get_running_loop()
        engine = spec.engine
        facts = CallFacts(
            call_id=spec.call_id,
            from_number=spec.from_number,
            to_number=spec.to_number,
            direction=spec.direction,
            dynamic_variables=spec.dynamic_variables,
            metadata=spec.metadata,
        )
        if engine.audio_websocket_protocol == "twilio":
            self._protocol: TwilioClient | WebClient = TwilioClient(
                facts,
                stream_sid=f"MZ{secrets.token_hex(16)}",
                encoding=engine.audio_encoding,
                rate_hz=engine.sample_rate,
            )
        else:
            self._protocol = WebClient(facts, encoding=engine.audio_encoding, rate_hz=engine.sample_rate)
        self._agent = AudioSocket(self._protocol, self)
        self._bridge = Bridge(
            encoding=AgentEncoding(engine.audio_encoding, engine.sample_rate),
            # Random starts, as RFC 3550 section 5.1 asks.
            stream=RtpStream(ssrc=secrets.randbits(32), sequence=secrets.randbits(16), timestamp=secrets.randbits(32)),
            clock=self._loop.time,
            call_at=self._loop.call_at,
            send_agent=self._agent.send_audio,
            on_marks=self._marks_played,
            on_second=self._each_second,
        )
        self._socket: RtpSocket | None = None
        self._turning: Turning | None = None
        self._talking: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._drained = asyncio.Event()
        self._started_s: float | None = None
        self._away = False
        self._agent_gone = False
        self._inactivity_reported = self._no_audio_reported = False
        self._ignored = 0

    def __repr__(self) -> str:
        return f"MediaSession({self._spec.call_id}, {self._agent!r})"

    # commands

    async def open(self) -> tuple[str, int]:
        """Bind the call's UDP port; the address that Asterisk must send to. Raises: NoRtpPort."""
        self._socket = self._ports.open(self._bridge.receive)
        self._bridge.send_rtp = self._socket.send
        return self._socket.address

    def accept_from(self, host: str, port: int) -> None:
        """Asterisk's address: RTP goes there, and comes from there alone. host: numeric."""
        if self._socket is None:
            raise RuntimeError("accept_from comes after open")
        self._socket.accept_from(host, port)

    def dial_agent(self) -> None:
        """Dial the agent's websocket; AgentReady or AgentFailed follows."""
        if self._talking is None and self._closing is None:
            self._talking = self._loop.create_task(self._talk(), name=f"agent of {self._spec.call_id}")

    def start(self) -> None:
        """The caller answered, or was answered: audio flows both ways from now on. Idempotent."""
        if self._started_s is None and self._closing is None:
            self._started_s = self._loop.time()
            self._bridge.start()
            self._turning = self._wheel.add(self._bridge.turn, self._read_waiting, self._bridge.skip)
            self._bridge.move_turn = self._turning.move

    def pause(self) -> None:
        """The caller is on hold, or away in a transfer: the agent hears silence, and silence is not counted."""
        self._away = True
        self._bridge.mute(True)

    def resume(self) -> None:
        """The caller is back."""
        self._away = False
        self._bridge.mute(False)

    def dtmf(self, digit: str, duration_ms: int) -> None:
        """The caller pressed a key; the agent hears of it unless the agent's settings say otherwise."""
        if self._spec.allow_user_dtmf:
            self._agent.send(self._protocol.dtmf(digit, duration_ms))

    def transfer_result(self, outcome: TransferOutcome) -> None:
        """Tell the agent how its transfer ended."""
        self._agent.send(self._protocol.control(transfer_answer(outcome)))

    def control_error(self, event: str, message: str) -> None:
        """Tell the agent that a request cannot be done. event: `transfer`, `dtmf` or `hangup`."""
        self._agent.send(self._protocol.control(refusal(event, message)))

    async def close(self, *, drain: bool = False) -> None:
        """End it all: the agent is told, and socket, tasks and the place on the wheel are gone within 1 s.

        drain: let what the agent said last play out first, for at most DRAIN_LIMIT_S. A second call without `drain`
        cuts that short. Idempotent; returns when everything is gone.
        """
        if not drain:
            self._drained.set()
        if self._closing is None:
            self._closing = self._loop.create_task(self._close(), name=f"closing media of {self._spec.call_id}")
        await asyncio.shield(self._closing)

    @property
    def stats(self) -> MediaStats:
        """Counters so far; valid after `close` too."""
        jitter, playout = self._bridge.jitter.counters, self._bridge.playout.counters
        return MediaStats(
            packets_received=jitter.received,
            packets_sent=self._bridge.packets_out,
            packets_foreign=self._socket.foreign if self._socket else 0,
            packets_malformed=self._bridge.malformed,
            send_errors=self._socket.send_errors if self._socket else 0,
            packets_late=jitter.late,
            packets_lost=jitter.lost,
            packets_duplicate=jitter.duplicate,
            packets_reordered=jitter.reordered,
            packets_surplus=jitter.surplus,
            packets_not_audio=jitter.wrong_payload_type + jitter.wrong_length,
            ssrc_changes=jitter.ssrc_changes,
            concealed_ms=jitter.concealed_ms,
            filled_ms=jitter.filled_ms,
            underruns=playout.underruns,
            trimmed_ms=playout.trimmed_ms + playout.shortened_ms,
            cleared_ms=playout.cleared_ms,
            overflow_ms=playout.overflow_ms,
            queued_ms=self._bridge.playout.queued_bytes // 8,
            agent_messages_received=self._agent.messages_in,
            agent_messages_sent=self._agent.messages_out,
            agent_messages_ignored=self._ignored,
            agent_audio_dropped=self._agent.audio_dropped,
            caller_dbfs=self._bridge.caller_dbfs,
            agent_dbfs=self._bridge.agent_dbfs,
        )

    # what the agent's websocket tells

    def on_agent_ready(self) -> None:
        """See AgentEvents."""
        self._on_event(AgentReady())

    def on_agent_audio(self, payload: bytes) -> None:
        """See AgentEvents."""
        self._bridge.play(payload)

    def on_agent_message(self, message: AgentMessage) -> None:
        """See AgentEvents."""
        match message:
            case Mark(name):
                if not self._bridge.playout.mark(name):
                    raise AgentCorruptPayload("more marks are waiting than any audio could need")
            case Clear():
                self._marks_played(self._bridge.clear())
            case Ping():
                self._agent.send(self._protocol.pong())
            case Refused(event, why):
                self.control_error(event, why)
            case Asked(HangupRequest(q850_cause=cause)):
                self._hung_up(cause)
            case Asked(TransferRequest() as request):
                self._on_event(TransferAsked(request))
            case Asked(DtmfRequest() as request):
                self._on_event(DtmfAsked(request))
            case _:
                self._ignored += 1

    def on_agent_closed(self, error: AgentError | None) -> None:
        """See AgentEvents."""
        if error is None:
            self._hung_up(NORMAL_CLEARING)
        else:
            self._failed(error)

    # what the bridge tells

    def _read_waiting(self) -> None:
        if self._socket is not None:
            self._socket.read_waiting()

    def _marks_played(self, names: Sequence[str]) -> None:
        for name in names:
            self._agent.send(self._protocol.mark(name))

    def _each_second(self, now_s: float) -> None:
        if self._started_s is None or self._away or self._closing is not None:
            return
        silence_s = self._spec.end_call_after_silence_ms / 1000
        if not self._inactivity_reported and now_s - self._bridge.heard_s >= silence_s:
            self._inactivity_reported = True
            self._on_event(CallerInactive())
        nothing_came = self._bridge.jitter.counters.received == 0
        if not self._no_audio_reported and nothing_came and now_s - self._started_s >= NO_AUDIO_AFTER_S:
            self._no_audio_reported = True
            self._on_event(NoAudioReceived())

    # inside

    async def _talk(self) -> None:
        engine = self._spec.engine
        try:
            await self._agent.connect(
                engine.audio_websocket_url,
                headers=engine.audio_websocket_headers,
                timeout_s=self._spec.connect_timeout_s,
            )
        except AgentError as error:
            self._failed(error)
            return
        await self._agent.wait_closed()

    def _hung_up(self, q850_cause: int) -> None:
        if not self._agent_gone:
            self._agent_gone = True
            self._on_event(AgentHungUp(q850_cause))

    def _failed(self, error: AgentError) -> None:
        if not self._agent_gone:
            self._agent_gone = True
            self._on_event(AgentFailed(error.disconnection_reason, str(error)))

    async def _close(self) -> None:
        self._agent_gone = True  # whatever the agent does from here on is no news
        await self._end_agent()
        if self._started_s is not None and not self._drained.is_set():
            await self._drain()
        self._bridge.stop()
        if self._turning is not None:
            self._turning.remove()
        if self._socket is not None:
            self._socket.close()

    async def _end_agent(self) -> None:
        if self._talking is None:
            return
        if not self._agent.is_open:
            self._talking.cancel()
        await self._agent.close()
        await asyncio.wait([self._talking])

    async def _drain(self) -> None:
        deadline_s = self._loop.time() + DRAIN_LIMIT_S
        while self._bridge.playout.queued_bytes and self._loop.time() < deadline_s and not self._drained.is_set():
            try:
                await asyncio.wait_for(self._drained.wait(), TURN_S)
            except TimeoutError:
                continue
