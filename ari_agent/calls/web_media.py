"""The media half of a web call: front end <-> agent, both on websockets, with no Asterisk between.

    front end -> pieces of 20 ms -> encoding and rate of the agent -> agent
    front end <- encoding and rate of the front end <- agent

Nothing paces here: the front end sends in real time, and plays in real time what it gets in bursts. What has been heard
is known from a clock that runs through the audio sent; Twilio tells by itself. Browsers send up to 375 messages a
second, so a message costs a copy, and the rest is done 50 times a second.

| what happens                                             | event             |
|----------------------------------------------------------|-------------------|
| nobody speaks for end_call_after_silence_ms              | CallerInactive    |
| no audio at all within 30 s of `start`                   | NoAudioReceived   |
| a message that the front end's protocol does not know    | FrontEndCorrupt   |
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ari_agent.calls.agent_leg import AgentLeg
from ari_agent.calls.call_media import CallerInactive, MediaEvent, MediaSpec, MediaStats, NoAudioReceived
from ari_agent.calls.front_end import FrontEnd
from ari_agent.contract.call_control import TransferOutcome
from ari_agent.contract.registered_call import AudioFormat
from ari_agent.media.audio import FRAME_MS, SILENCE_DBFS, level_dbfs, ulaw_to_linear
from ari_agent.media.bridge import SPEECH_DBFS
from ari_agent.media.transcoder import Transcoder

NO_AUDIO_AFTER_S: Final = 30.0
DRAIN_LIMIT_S: Final = 10.0
"""How long an agent's last words may take after it hung up."""
AHEAD_LIMIT_S: Final = 600.0
"""How far agent audio may run ahead of what the user hears; what exceeds it is dropped."""
MARKS_LIMIT: Final = 1000
EARLY_LIMIT: Final = 100_000
"""Messages of the agent that wait for the first word of a front end whose protocol is not known."""

_LOOKED_AT: Final = 4  # one piece in four is looked at for speech
_BYTES_PER_SAMPLE: Final = {"mulaw": 1, "s16le": 2}


@dataclass(slots=True)
class _PendingMark:
    """heard_at_s: of the loop's clock, when all audio before it will have been played."""

    name: str
    heard_at_s: float


class WebMedia:
    """One web call's media. Everything happens in the event loop's thread, `on_event` too, which must not wait."""

    def __init__(
        self,
        spec: MediaSpec,
        front: FrontEnd,
        *,
        on_event: Callable[[MediaEvent], None],
    ) -> None:
        self._spec, self._front, self._on_event = spec, front, on_event
        self._loop = asyncio.get_running_loop()
        self._agent = AgentLeg(spec, self, on_event)
        self._to_agent: Transcoder | None = None
        self._to_user: Transcoder | None = None
        self._encoding, self._bytes_per_s, self._piece_bytes = "mulaw", 8000, 160
        self._heard = bytearray()  # less than a piece
        self._early: list[bytes | str] = []  # agent audio and marks from before the front end's format was known
        self._early_bytes = 0
        self._marks: deque[_PendingMark] = deque()
        self._mark_timer: asyncio.TimerHandle | None = None
        self._second: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None
        self._drained = asyncio.Event()
        self._started_s: float | None = None
        self._play_until_s = 0.0
        self._heard_s = 0.0
        self._away = False
        self._reported: set[type] = set()
        self._pieces = 0
        self._bytes_in = 0
        self._cleared_s = self._overflow_s = 0.0
        self._user_dbfs = self._agent_dbfs = SILENCE_DBFS

    def __repr__(self) -> str:
        return f"WebMedia({self._spec.call_id}, {self._agent!r})"

    # commands: see CallMedia

    def dial_agent(self) -> None:
        """Dial the agent's websocket; AgentReady or AgentFailed follows."""
        if self._closing is None:
            self._agent.dial()

    def start(self) -> None:
        """The websocket of the front end is open, which is as good as an answer. Idempotent."""
        if self._started_s is None and self._closing is None:
            self._started_s = self._heard_s = self._play_until_s = self._loop.time()
            self._second = self._loop.call_later(1.0, self._each_second)

    def pause(self) -> None:
        """The agent hears silence, and silence is not counted."""
        self._away = True

    def resume(self) -> None:
        """The user is back."""
        self._away = False
        self._heard_s = self._loop.time()

    def dtmf(self, digit: str, duration_ms: int) -> None:
        """The user pressed a key; the agent hears of it unless its settings say otherwise."""
        self._agent.dtmf(digit, duration_ms)

    def transfer_result(self, outcome: TransferOutcome) -> None:
        """Tell the agent how its transfer ended."""
        self._agent.transfer_result(outcome)

    def control_error(self, event: str, message: str) -> None:
        """Tell the agent that a request cannot be done."""
        self._agent.control_error(event, message)

    async def close(self, *, drain: bool = False) -> None:
        """End the agent's side. drain: let what it said last be played first, for at most DRAIN_LIMIT_S.

        A second call without `drain` cuts that short. The front end's websocket stays open: its call closes it.
        """
        if not drain:
            self._drained.set()
        if self._closing is None:
            self._closing = self._loop.create_task(self._close(), name=f"closing media of {self._spec.call_id}")
        await asyncio.shield(self._closing)

    @property
    def stats(self) -> MediaStats:
        """Counters so far; valid after `close` too."""
        agent = self._agent.socket
        return MediaStats(
            packets_received=self._front.messages_in,
            packets_sent=self._front.messages_out,
            packets_foreign=0,
            packets_malformed=0,
            send_errors=self._front.dropped,
            packets_late=0,
            packets_lost=0,
            packets_duplicate=0,
            packets_reordered=0,
            packets_surplus=0,
            packets_not_audio=0,
            ssrc_changes=0,
            concealed_ms=0,
            filled_ms=0,
            underruns=0,
            trimmed_ms=0,
            cleared_ms=int(self._cleared_s * 1000),
            overflow_ms=int(self._overflow_s * 1000),
            queued_ms=max(0, int((self._play_until_s - self._loop.time()) * 1000)) if self._closing is None else 0,
            agent_messages_received=agent.messages_in,
            agent_messages_sent=agent.messages_out,
            agent_messages_ignored=self._agent.ignored,
            agent_audio_dropped=agent.audio_dropped,
            caller_dbfs=self._user_dbfs,
            agent_dbfs=self._agent_dbfs,
        )

    # what the front end tells: see User

    def format_known(self, audio: AudioFormat) -> None:
        """How audio travels; what the agent said meanwhile goes out now."""
        engine = self._spec.engine
        self._encoding = audio.audio_encoding
        self._bytes_per_s = audio.sample_rate * _BYTES_PER_SAMPLE[audio.audio_encoding]
        self._piece_bytes = audio.sample_rate * FRAME_MS // 1000 * _BYTES_PER_SAMPLE[audio.audio_encoding]
        self._to_agent = Transcoder(
            from_encoding=audio.audio_encoding,
            from_hz=audio.sample_rate,
            to_encoding=engine.audio_encoding,
            to_hz=engine.sample_rate,
        )
        self._to_user = Transcoder(
            from_encoding=engine.audio_encoding,
            from_hz=engine.sample_rate,
            to_encoding=audio.audio_encoding,
            to_hz=audio.sample_rate,
        )
        early, self._early = self._early, []
        for said in early:
            if isinstance(said, bytes):
                self.play(said)
            else:
                self.mark(said)

    def hear(self, payload: bytes) -> None:
        """The user's audio, any length."""
        self._bytes_in += len(payload)
        heard, size = self._heard, self._piece_bytes
        if not heard and len(payload) == size:
            self._hear_piece(payload)
            return
        heard += payload
        if len(heard) >= size:
            whole = len(heard) - len(heard) % size
            for start in range(0, whole, size):
                self._hear_piece(bytes(heard[start : start + size]))
            del heard[:whole]

    def key_pressed(self, digit: str) -> None:
        """Twilio does not say how long."""
        self.dtmf(digit, 0)

    def mark_heard(self, name: str) -> None:
        """Twilio sent a mark back; once for each that went out."""
        for pending in self._marks:
            if pending.name == name:
                self._marks.remove(pending)
                self._agent.marks_played([name])
                return

    def _hear_piece(self, piece: bytes) -> None:
        self._pieces += 1
        if self._pieces % _LOOKED_AT == 0:
            self._user_dbfs = self._level(piece)
            if self._user_dbfs > SPEECH_DBFS:
                self._heard_s = max(self._heard_s, self._loop.time())
        if self._away:
            piece = (b"\xff" if self._encoding == "mulaw" else b"\0") * len(piece)
        if self._to_agent is not None:
            self._agent.socket.send_audio(self._to_agent.process(piece))

    # what the agent says: see Listener

    def play(self, payload: bytes) -> None:
        """Agent audio, in the agent's encoding."""
        if self._to_user is None:
            self._keep(payload)
            return
        sound = self._to_user.process(payload)
        if not sound:
            return
        lasts_s = len(sound) / self._bytes_per_s
        now_s = self._loop.time()
        begins_s = max(self._play_until_s, now_s)
        if begins_s + lasts_s - now_s > AHEAD_LIMIT_S or not self._front.play(sound):
            self._overflow_s += lasts_s
            return
        self._play_until_s = begins_s + lasts_s
        self._agent_dbfs = self._level(sound)
        if self._agent_dbfs > SPEECH_DBFS:
            self._heard_s = self._play_until_s

    def mark(self, name: str) -> bool:
        """Come back when what was sent before has been played."""
        if len(self._marks) >= MARKS_LIMIT or len(self._early) >= EARLY_LIMIT:
            return False
        if self._to_user is None:
            self._early.append(name)
            return True
        self._marks.append(_PendingMark(name, max(self._play_until_s, self._loop.time())))
        if self._front.is_twilio:
            self._front.mark(name)
        elif self._mark_timer is None:
            self._mark_timer = self._loop.call_at(self._marks[0].heard_at_s, self._marks_due)
        return True

    def clear(self) -> list[str]:
        """The user interrupted: nothing of what was said before is heard from now on."""
        now_s = self._loop.time()
        if self._play_until_s > now_s:
            self._cleared_s += self._play_until_s - now_s
            self._play_until_s = now_s
        self._heard_s = min(self._heard_s, now_s)
        early = [said for said in self._early if isinstance(said, str)]
        self._early.clear()
        self._early_bytes = 0
        if self._to_user is not None:
            self._to_user.reset()
        unsent = self._front.clear()
        if not self._front.is_twilio:
            cleared = [pending.name for pending in self._marks]
            self._marks.clear()
            return early + cleared
        # Twilio sends back itself what it had got.
        for name in unsent:
            self._marks.remove(next(pending for pending in reversed(self._marks) if pending.name == name))
        return unsent

    def tell(self, event: str, message: bytes) -> None:
        """A transcript, which the front end must have asked for, or metadata."""
        if event == "metadata" or self._front.options.updates:
            self._front.pass_on(message)

    def _keep(self, payload: bytes) -> None:
        """Wait for the front end to say how it wants its audio."""
        engine = self._spec.engine
        limit = int(AHEAD_LIMIT_S * engine.sample_rate * _BYTES_PER_SAMPLE[engine.audio_encoding])
        if self._early_bytes + len(payload) <= limit and len(self._early) < EARLY_LIMIT:
            self._early.append(payload)
            self._early_bytes += len(payload)

    def _marks_due(self) -> None:
        self._mark_timer = None
        now_s = self._loop.time()
        played = []
        while self._marks and self._marks[0].heard_at_s <= now_s:
            played.append(self._marks.popleft().name)
        if self._marks:
            self._mark_timer = self._loop.call_at(self._marks[0].heard_at_s, self._marks_due)
        self._agent.marks_played(played)

    # time

    def _each_second(self) -> None:
        self._second = self._loop.call_later(1.0, self._each_second)
        now_s = self._loop.time()
        if self._started_s is None or self._away:
            return
        if now_s - self._heard_s >= self._spec.end_call_after_silence_ms / 1000:
            self._report(CallerInactive())
        if not self._bytes_in and now_s - self._started_s >= NO_AUDIO_AFTER_S:
            self._report(NoAudioReceived())

    def _report(self, event: MediaEvent) -> None:
        if type(event) not in self._reported:
            self._reported.add(type(event))
            self._on_event(event)

    def _level(self, sound: bytes) -> float:
        return level_dbfs(ulaw_to_linear(sound) if self._encoding == "mulaw" else sound)

    async def _close(self) -> None:
        for timer in (self._second, self._mark_timer):
            if timer is not None:
                timer.cancel()
        await self._agent.close()
        remaining_s = min(self._play_until_s - self._loop.time(), DRAIN_LIMIT_S)
        if remaining_s > 0 and not self._drained.is_set():
            try:
                await asyncio.wait_for(self._drained.wait(), remaining_s)
            except TimeoutError:
                return
