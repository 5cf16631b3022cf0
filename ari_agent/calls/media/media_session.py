"""The media half of one call: RTP socket, bridge, agent websocket.

Plain values in (a MediaSpec, then commands), plain values out (MediaEvents): nothing of Asterisk and nothing of records
is known here, so this half can live in another process than the call's own.

    open -> accept_from -> dial_agent -> start -> ... -> close
            Asterisk's      while the    caller
            address         caller rings answered

The agent's websocket and the caller come in any order. What the agent says before `start` waits in the playout queue
and begins with `start`, so a greeting is complete and not late.

Besides what the agent does (calls/media/audio_agent_leg.py), these end a call:

| what happens                                             | event                                         |
|----------------------------------------------------------|-----------------------------------------------|
| nobody speaks for end_call_after_silence_ms              | CallerInactive                                |
| no RTP at all within 30 s of `start`                     | NoAudioReceived                               |

The session goes on without an agent until `close`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Final

from ari_agent.calls.media.agent_leg import NewAgentLeg
from ari_agent.calls.media.audio_agent_leg import AudioAgentLeg
from ari_agent.calls.media.call_media import CallerInactive, MediaEvent, MediaSpec, MediaStats, NoAudioReceived
from ari_agent.contract.call import Latency
from ari_agent.contract.call_control import TransferOutcome, VoicemailNotice
from ari_agent.contract.call_update import CallControl
from ari_agent.media.bridge import AgentEncoding, Bridge
from ari_agent.media.rtp import RtpStream
from ari_agent.media.socket import RtpPorts, RtpSocket
from ari_agent.media.wheel import TICK_S, Ticker, Wheel

NO_AUDIO_AFTER_S: Final = 30.0
DRAIN_LIMIT_S: Final = 10.0
"""How long an agent's last words may take after it hung up."""


class MediaSession:
    """One call's media. Everything happens in the event loop's thread, `on_event` too, which must not wait."""

    def __init__(
        self,
        spec: MediaSpec,
        *,
        rtp: RtpPorts,
        wheel: Wheel,
        on_event: Callable[[MediaEvent], None],
        new_agent: NewAgentLeg = AudioAgentLeg,
    ) -> None:
        self._spec = spec
        self._ports, self._wheel, self._on_event = rtp, wheel, on_event
        self._loop = asyncio.get_running_loop()
        self._agent = new_agent(spec, self, on_event)
        self._bridge = Bridge(
            encoding=AgentEncoding(self._agent.encoding, self._agent.rate_hz),
            # Random starts, as RFC 3550 section 5.1 asks.
            stream=RtpStream(ssrc=secrets.randbits(32), sequence=secrets.randbits(16), timestamp=secrets.randbits(32)),
            clock=self._loop.time,
            call_at=self._loop.call_at,
            send_agent=self._agent.hear,
            on_marks=self._agent.marks_played,
            on_second=self._each_second,
        )
        self._socket: RtpSocket | None = None
        self._ticker: Ticker | None = None
        self._closing: asyncio.Task[None] | None = None
        self._drained = asyncio.Event()
        self._started_s: float | None = None
        self._away = False
        self._inactivity_reported = self._no_audio_reported = False

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
        if self._closing is None:
            self._agent.dial()

    def start(self) -> None:
        """The caller answered, or was answered: audio flows both ways from now on. Idempotent."""
        if self._started_s is None and self._closing is None:
            self._started_s = self._loop.time()
            self._bridge.start()
            self._ticker = self._wheel.add(self._bridge.tick, self._catch_up, self._bridge.skip)
            self._bridge.move_tick = self._ticker.move
            self._agent.start()

    def pause(self) -> None:
        """The caller is on hold, or away in a transfer: the agent hears silence, and silence is not counted."""
        self._away = True
        self._bridge.mute(True)
        self._agent.pause()

    def resume(self) -> None:
        """The caller is back."""
        self._away = False
        self._bridge.mute(False)
        self._agent.resume()

    def dtmf(self, digit: str, duration_ms: int) -> None:
        """The caller pressed a key; the agent hears of it unless the agent's settings say otherwise."""
        self._agent.dtmf(digit, duration_ms)

    @property
    def has_agent(self) -> bool:
        """The agent's websocket is open."""
        return self._agent.is_open

    def call_control(self, control: CallControl) -> None:
        """Tell the agent what the API asks of it."""
        self._agent.call_control(control)

    def transfer_result(self, outcome: TransferOutcome) -> None:
        """Tell the agent how its transfer ended."""
        self._agent.transfer_result(outcome)

    def voicemail(self, notice: VoicemailNotice) -> None:
        """Tell the agent that a machine has answered, or that its greeting is over."""
        self._agent.voicemail(notice)

    def control_error(self, event: str, message: str) -> None:
        """Tell the agent that a request cannot be done. event: `transfer`, `dtmf` or `hangup`."""
        self._agent.control_error(event, message)

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
    def latency(self) -> Latency | None:
        """How long the agent's turns took, where that is known; valid after `close` too."""
        return self._agent.latency

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
            agent_messages_ignored=self._agent.ignored,
            agent_audio_dropped=self._agent.audio_dropped,
            caller_dbfs=self._bridge.caller_dbfs,
            agent_dbfs=self._bridge.agent_dbfs,
        )

    # what the agent says

    def play(self, payload: bytes) -> None:
        """See CallerOutput."""
        self._bridge.play(payload)

    def mark(self, name: str) -> bool:
        """See CallerOutput."""
        return self._bridge.playout.mark(name)

    def clear(self) -> list[str]:
        """See CallerOutput."""
        return self._bridge.clear()

    def tell(self, event: str, message: bytes) -> None:
        """See CallerOutput. A phone has no screen."""

    @property
    def shows_updates(self) -> bool:
        """See CallerOutput."""
        return False

    # what the bridge tells

    def _catch_up(self, now_s: float) -> None:
        if self._socket is not None:
            self._socket.read_waiting()
        self._bridge.late(now_s)

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

    async def _close(self) -> None:
        await self._agent.close()
        if self._started_s is not None and not self._drained.is_set():
            await self._drain()
        self._bridge.stop()
        if self._ticker is not None:
            self._ticker.remove()
        if self._socket is not None:
            self._socket.close()

    async def _drain(self) -> None:
        deadline_s = self._loop.time() + DRAIN_LIMIT_S
        while self._bridge.playout.queued_bytes and self._loop.time() < deadline_s and not self._drained.is_set():
            try:
                await asyncio.wait_for(self._drained.wait(), TICK_S)
            except TimeoutError:
                continue
