"""The media half of a phone call: RTP socket, bridge, agent.

    open -> accept_from -> dial_agent -> start -> ... -> close
            Asterisk's      while the    caller
            address         caller rings answered

The agent's websocket and the caller come in any order. What the agent says before `start` waits in the playout queue
and begins with `start`, so a greeting is complete and not late.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from typing import Final

from ari_agent.calls.media.agent_background import background_of
from ari_agent.calls.media.agent_leg import NewAgentLeg
from ari_agent.calls.media.announcement import duration_s, in_encoding, recording_beep, sentence_frames
from ari_agent.calls.media.arrival_watch import ArrivalWatch
from ari_agent.calls.media.audio_agent_leg import AudioAgentLeg
from ari_agent.calls.media.audio_stop_watch import AudioStopWatch
from ari_agent.calls.media.call_media import GreetingHeard, MediaEvent, MediaSpec, MediaStats
from ari_agent.calls.media.call_tap import CallTap, HearCall, Levels
from ari_agent.calls.media.commands import CallerBack, Command, TargetListens
from ari_agent.calls.media.greeting_tap import GreetingTap
from ari_agent.calls.media.line_recording import LineRecording
from ari_agent.calls.media.media_half import MediaHalf, OpenRecording
from ari_agent.calls.media.speech_watch import LOUD_DBFS, QUEUED_MS, SpeechLimits, SpeechWatch
from ari_agent.media.agent_encoding import AgentEncoding
from ari_agent.media.bridge import Bridge
from ari_agent.media.bridge_tap import BridgeTap
from ari_agent.media.line import Line, line_for
from ari_agent.media.line_recorder import LineRecorder
from ari_agent.media.recorded_bridge import RecordedBridge
from ari_agent.media.recorder import HeardParty, Recorder
from ari_agent.media.rtp import RtpStream
from ari_agent.media.socket import RtpPorts, RtpSocket
from ari_agent.media.wave_file import WaveFormat
from ari_agent.media.wheel import Ticker, Wheel

_ANNOUNCEMENT_MARGIN_S: Final = 2.0


class MediaSession(MediaHalf):
    """The media half of one phone call. rtp: provides its UDP port. wheel: sends its RTP every 20 ms.

    record_to: opens the file of a call that is recorded. codec: in which Asterisk must send and take the audio, under
    its name.
    """

    def __init__(
        self,
        spec: MediaSpec,
        *,
        rtp: RtpPorts,
        wheel: Wheel,
        on_event: Callable[[MediaEvent], None],
        new_agent: NewAgentLeg = AudioAgentLeg,
        record_to: OpenRecording | None = None,
    ) -> None:
        super().__init__(spec, on_event=on_event, new_agent=new_agent)
        self._ports, self._wheel = rtp, wheel
        encoding, rate_hz = self._agent.encoding, self._agent.rate_hz
        line = line_for(caller_is_wideband=spec.caller_is_wideband, agent_encoding=encoding, agent_rate_hz=rate_hz)
        self.codec, self._line = line.name, line
        new_bridge = self._new_recorded_bridge(line, record_to) if record_to else Bridge
        self._bridge = new_bridge(
            encoding=AgentEncoding(encoding, rate_hz, line.audio),
            line=line,
            # Random starts, as RFC 3550 section 5.1 asks.
            stream=RtpStream(
                ssrc=secrets.randbits(32),
                sequence=secrets.randbits(16),
                timestamp=secrets.randbits(32),
                payload_type=line.payload_type,
            ),
            clock=self._loop.time,
            call_at=self._loop.call_at,
            send_agent=self._agent.hear,
            on_marks=self._agent.marks_played,
            on_second=self._each_second,
            background=background_of(spec.agent, line.audio) if spec.agent else None,
        )
        self._hear_caller_by(self._bridge.caller_speech)
        self._bridge.agent_speech.on_edge = self._agent_edge
        self._arrivals = ArrivalWatch()
        self._stops = AudioStopWatch(spec.no_audio_after_s)
        self._lines: LineRecording | None = None
        self._socket: RtpSocket | None = None
        self._ticker: Ticker | None = None
        self._announcements = 0

    def _new_recorded_bridge(self, line: Line, record_to: OpenRecording) -> Callable[..., Bridge]:
        plan = self._spec.recording
        if plan.sides == "off":
            return Bridge
        recorder = Recorder(record_to(WaveFormat(line.audio)), of=line.audio, agent_only=plan.sides == "agent_only")
        beep = recording_beep(line.audio) if plan.beep_s else ()
        return partial(
            RecordedBridge,
            recorder=recorder,
            beep_each_s=plan.beep_s,
            beep=beep,
            sentence=sentence_frames(self._spec.consent, line.audio),
            on_sentence=partial(self._sentence_over, heard=True),
        )

    async def open(self) -> tuple[str, int]:
        """Bind the call's UDP port, and return the address that Asterisk must send to. Raises: NoRtpPort."""
        self._socket = self._ports.open(self._bridge.receive)
        self._bridge.send_rtp = self._socket.send
        return self._ports.announced_host, self._socket.address[1]

    def accept_from(self, host: str, port: int) -> None:
        """Send RTP to Asterisk's address, and take it from there alone. host: numeric."""
        if self._socket is None:
            raise RuntimeError("accept_from comes after open")
        self._socket.accept_from(host, port)

    def key_reported(self, duration_ms: int) -> None:
        """Take Asterisk's report of a key, whose packets are none that were lost."""
        self._bridge.jitter.key_reported(duration_ms, self._loop.time())

    def _listen_to_greeting(self) -> None:
        agent = self._agent
        self._bridge.tap(
            GreetingTap(
                encoding=agent.encoding,
                rate_hz=agent.rate_hz,
                tell=lambda what: self._on_event(GreetingHeard(what)),
                end=lambda: self._bridge.tap(None),
            ).hear
        )

    def _start_audio(self) -> None:
        if self._spec.listens_to_greeting:
            self._listen_to_greeting()
        self._bridge.start()
        if self._sentence_units:
            self._sentence_begins()
        self._ticker = self._wheel.add(self._bridge.tick, self._catch_up, self._bridge.skip)
        self._bridge.move_tick = self._ticker.move
        self._bridge.take_turn(self._ticker.turn)

    def _stop_audio(self) -> None:
        self._bridge.stop()
        if self._ticker is not None:
            self._ticker.remove()
        if self._socket is not None:
            self._socket.close()

    def _mute(self, muted: bool) -> None:
        self._bridge.mute(muted)

    def _end_stream(self) -> None:
        self._bridge.encoding.clear()

    def command(self, command: Command) -> None:
        """Obey a command. See MediaHalf."""
        if isinstance(self._bridge, RecordedBridge) and isinstance(command, CallerBack | TargetListens):
            target_alone = isinstance(command, TargetListens) and not command.with_caller
            self._bridge.heard_is(HeardParty.TARGET if target_alone else HeardParty.CALLER)
        super().command(command)

    def _pause_recording(self, paused: bool) -> bool:
        if self._lines is not None:
            return self._lines.pause(paused)
        if not isinstance(self._bridge, RecordedBridge):
            return False
        self._bridge.pause(paused)
        return True

    def record_lines(self) -> LineRecording | None:
        """Go on recording without the agent, whose audio ends here: the caller and a target, on a line each.

        None where nothing more is to be recorded. Pauses stay as they are, and go on to be asked for here.
        """
        bridge = self._bridge
        if not isinstance(bridge, RecordedBridge) or bridge.is_stopped or self._spec.recording.sides != "on":
            return None
        recorder, until_s = bridge.hand_over()
        lines = LineRecorder(recorder, self._line, from_s=until_s)
        self._lines = LineRecording(lines, codec=self.codec, ports=self._ports, wheel=self._wheel)
        return self._lines

    def _stop_recording(self) -> None:
        if isinstance(self._bridge, RecordedBridge):
            self._bridge.cut_sentence()

    @property
    def _sentence_units(self) -> int:
        return self._bridge.sentence_units if isinstance(self._bridge, RecordedBridge) else 0

    def _has_unplayed_audio(self) -> bool:
        return self._bridge.playout.queued_units + self._sentence_units > 0

    def _unheard_until_now(self) -> Callable[[], bool]:
        playout = self._bridge.playout
        end_units = playout.handed_units + playout.queued_units
        return lambda: self._sentence_units > 0 or playout.handed_units < end_units

    @property
    def levels(self) -> Levels:
        """Return how loud both sides are at this moment. See MediaHalf."""
        return Levels(self._bridge.caller_dbfs, self._bridge.agent_dbfs)

    def _new_tap(self, write: HearCall) -> CallTap:
        return BridgeTap(self._bridge, self._line, write=write, clock=self._loop.time)

    def _audio_stats(self) -> MediaStats:
        jitter, playout = self._bridge.jitter.counters, self._bridge.playout.counters
        return MediaStats(
            packets_received=jitter.received,
            packets_sent=self._bridge.packets_out,
            packets_foreign=self._socket.foreign if self._socket else 0,
            packets_malformed=self._bridge.malformed,
            send_errors=self._socket.send_errors if self._socket else 0,
            packets_late=jitter.late,
            packets_lost=jitter.lost,
            lost_runs=jitter.lost_runs,
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
            queued_ms=(self._bridge.playout.queued_units + self._sentence_units) // 8,
            caller_dbfs=self._bridge.caller_dbfs,
            agent_dbfs=self._bridge.agent_dbfs,
        )

    # what the agent says

    def play(self, payload: bytes) -> None:
        """Play agent audio to the caller, after all that was handed over before. See CallerOutput."""
        if not self._announcements:
            self._bridge.play(payload)

    def mark(self, name: str) -> bool:
        """Add a mark after the audio so far; False where too many marks wait already. See CallerOutput."""
        return self._bridge.playout.mark(name)

    def clear(self) -> list[str]:
        """Drop agent audio that was not played yet, and return the names of its marks. See CallerOutput."""
        return [] if self._announcements else self._bridge.clear()

    def tell(self, event: str, message: bytes) -> None:
        """Do nothing, because a phone has no screen. See CallerOutput."""

    @property
    def shows_updates(self) -> bool:
        """Return False, because a phone has no screen. See CallerOutput."""
        return False

    # what is said in a transfer

    def drop_speech(self) -> None:
        """Drop what the agent had still to say: it was meant for others than those who listen next."""
        self._agent.marks_played(self._bridge.clear())

    async def announce(self, pcm: bytes) -> None:
        """Play speech (s16le at 16 kHz) in the agent's place, and wait until it was heard.

        What the agent had queued is dropped, and so is what it says meanwhile. Cancelled, it falls silent.
        """
        agent = self._agent
        agent.marks_played(self._bridge.clear())
        self._announcements += 1
        try:
            self._bridge.play(in_encoding(pcm, encoding=agent.encoding, rate_hz=agent.rate_hz))
            await self._wait_while(self._has_unplayed_audio, limit_s=duration_s(pcm) + _ANNOUNCEMENT_MARGIN_S)
        finally:
            self._announcements -= 1
            agent.marks_played(self._bridge.clear())

    async def agent_has_spoken(self, limits: SpeechLimits) -> None:
        """Wait until the agent has said what it was asked to say: see SpeechWatch."""
        watch, bridge = SpeechWatch(limits, now_s=self._loop.time()), self._bridge
        is_heard = self._heard_from_now()
        await self._wait_while(
            lambda: (
                not watch.look(
                    self._loop.time(),
                    agent_speaks=is_heard() or bridge.playout.queued_units > QUEUED_MS * 8,
                    others_speak=bridge.caller_dbfs > LOUD_DBFS,
                )
            ),
            limit_s=limits.longest_s,
        )

    async def agent_begins(self, *, within_s: float) -> None:
        """Wait until the agent is about to be heard with something new, or so many seconds."""
        is_heard = self._heard_from_now()
        await self._wait_while(lambda: not is_heard(), limit_s=within_s)

    def _heard_from_now(self) -> Callable[[], bool]:
        """Return what tells whether the agent is heard at this moment; the frame that was played last is not meant."""
        bridge, playout = self._bridge, self._bridge.playout
        before_bytes = playout.handed_units
        return lambda: (
            bridge.waiting_dbfs > LOUD_DBFS or (playout.handed_units > before_bytes and bridge.agent_dbfs > LOUD_DBFS)
        )

    # what the bridge tells

    def _look_closely(self, closely: bool) -> None:
        self._bridge.look_closely(closely)

    def _measure_levels(self) -> None:
        self._bridge.measure_levels()

    def _catch_up(self, now_s: float) -> None:
        if self._socket is not None:
            self._socket.read_waiting()
        self._bridge.late(now_s)

    def _each_second(self, now_s: float) -> None:
        self._follow_turns(now_s)
        received = self._bridge.jitter.counters.received
        self._look_for_silence(now_s, spoken_s=self._bridge.heard_s, has_received=received > 0)
        if stopped := self._stops.look(now_s, received=received, is_away=self._is_away):
            self._on_event(stopped)
        if self._socket is not None:
            for event in self._arrivals.look(
                received=received,
                foreign=self._socket.foreign,
                peer=self._socket.peer,
                stranger=self._socket.stranger,
                is_away=self._is_away,
            ):
                self._on_event(event)
