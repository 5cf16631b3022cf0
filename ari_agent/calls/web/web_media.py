"""The media half of a web call: front end <-> agent, both on websockets, with no Asterisk between.

    front end -> pieces of 20 ms -> encoding and rate of the agent -> agent
    front end <- encoding and rate of the front end <- agent

Nothing paces here: the front end sends in real time (user_audio.py), and plays in real time what it gets in bursts
(playback_position.py knows how far).

| what happens                                             | event             |
|----------------------------------------------------------|-------------------|
| nobody speaks for end_call_after_silence_ms              | CallerInactive    |
| no audio at all within 30 s of `start`                   | NoAudioReceived   |
| a message that the front end's protocol does not know    | FrontEndCorrupt   |
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ari_agent.agents.message import Mark
from ari_agent.calls.media.agent_leg import NewAgentLeg
from ari_agent.calls.media.audio_agent_leg import AudioAgentLeg
from ari_agent.calls.media.call_media import CallerInactive, MediaEvent, MediaSpec, MediaStats, NoAudioReceived
from ari_agent.calls.web.front_end import FrontEnd
from ari_agent.calls.web.playback_position import AHEAD_LIMIT_S, PlaybackPosition
from ari_agent.calls.web.pre_answer_audio import PreAnswerAudio, PreAnswerSound
from ari_agent.calls.web.user_audio import BYTES_PER_SAMPLE, UserAudio, level
from ari_agent.contract.call import Latency
from ari_agent.contract.call_control import TransferOutcome, VoicemailNotice
from ari_agent.contract.call_update import CallControl
from ari_agent.contract.registered_call import AudioFormat
from ari_agent.media.audio import SILENCE_DBFS
from ari_agent.media.bridge import SPEECH_DBFS
from ari_agent.media.transcoder import Transcoder

NO_AUDIO_AFTER_S: Final = 30.0
DRAIN_LIMIT_S: Final = 10.0
"""How long an agent's last words may take after it hung up."""


class WebMedia:
    """One web call's media. Everything happens in the event loop's thread, `on_event` too, which must not wait."""

    def __init__(
        self,
        spec: MediaSpec,
        front: FrontEnd,
        *,
        on_event: Callable[[MediaEvent], None],
        new_agent: NewAgentLeg = AudioAgentLeg,
    ) -> None:
        self._spec, self._front, self._on_event = spec, front, on_event
        self._loop = asyncio.get_running_loop()
        self._agent = new_agent(spec, self, on_event)
        self._voice: UserAudio | None = None
        self._to_user: Transcoder | None = None
        self._encoding, self._bytes_per_s = "mulaw", 8000
        # From before the front end's format was known.
        bytes_per_s = self._agent.rate_hz * BYTES_PER_SAMPLE[self._agent.encoding]
        self._pre_answer = PreAnswerAudio(limit_bytes=int(AHEAD_LIMIT_S) * bytes_per_s)
        self._position = PlaybackPosition(self._loop.time())
        self._mark_timer: asyncio.TimerHandle | None = None
        self._second: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None
        self._drained = asyncio.Event()
        self._started_s: float | None = None
        self._spoken_s = 0.0  # when somebody spoke last
        self._away = False
        self._reported: set[type] = set()
        self._has_heard = False
        self._overflow_s = 0.0
        self._agent_dbfs = SILENCE_DBFS

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
            self._started_s = self._spoken_s = self._loop.time()
            self._second = self._loop.call_later(1.0, self._each_second)
            self._agent.start()

    def pause(self) -> None:
        """The agent hears silence, and silence is not counted."""
        self._away = True
        self._agent.pause()

    def resume(self) -> None:
        """The user is back."""
        self._away = False
        self._spoken_s = self._loop.time()
        self._agent.resume()

    def dtmf(self, digit: str, duration_ms: int) -> None:
        """The user pressed a key; the agent hears of it unless its settings say otherwise."""
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
    def latency(self) -> Latency | None:
        """How long the agent's turns took, where that is known; valid after `close` too."""
        return self._agent.latency

    @property
    def stats(self) -> MediaStats:
        """Counters so far; valid after `close` too."""
        agent = self._agent
        return MediaStats(
            packets_received=self._front.messages_in,
            packets_sent=self._front.writer.messages_out,
            packets_foreign=0,
            packets_malformed=0,
            send_errors=self._front.writer.dropped,
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
            cleared_ms=int(self._position.cleared_s * 1000),
            overflow_ms=int(self._overflow_s * 1000),
            queued_ms=int(self._position.remaining_s(self._loop.time()) * 1000) if self._closing is None else 0,
            agent_messages_received=agent.messages_in,
            agent_messages_sent=agent.messages_out,
            agent_messages_ignored=self._agent.ignored,
            agent_audio_dropped=agent.audio_dropped,
            caller_dbfs=self._voice.dbfs if self._voice else SILENCE_DBFS,
            agent_dbfs=self._agent_dbfs,
        )

    # what the front end tells: see User

    def format_known(self, audio: AudioFormat) -> None:
        """How audio travels; what the agent said meanwhile goes out now."""
        agent = self._agent
        self._encoding = audio.audio_encoding
        self._bytes_per_s = audio.sample_rate * BYTES_PER_SAMPLE[audio.audio_encoding]
        self._voice = UserAudio(audio, agent_encoding=agent.encoding, agent_hz=agent.rate_hz, speech_dbfs=SPEECH_DBFS)
        self._to_user = Transcoder(
            from_encoding=agent.encoding,
            from_hz=agent.rate_hz,
            to_encoding=audio.audio_encoding,
            to_hz=audio.sample_rate,
        )
        for word in self._pre_answer.take():
            if isinstance(word, PreAnswerSound):
                self.play(word.payload)
            else:
                self.mark(word.name)

    def hear(self, payload: bytes) -> None:
        """The user's audio, any length."""
        voice = self._voice
        if voice is None or not payload:
            return
        self._has_heard = True
        for piece in voice.hear(payload, muted=self._away):
            self._agent.hear(piece)
        if voice.spoke:
            self._spoken_s = max(self._spoken_s, self._loop.time())

    def key_pressed(self, digit: str) -> None:
        """Twilio does not say how long."""
        self.dtmf(digit, 0)

    def mark_heard(self, name: str) -> None:
        """Twilio sent a mark back; once for each that went out."""
        if self._position.take_returned(name):
            self._agent.marks_played([name])

    # what the agent says: see CallerOutput

    def play(self, payload: bytes) -> None:
        """Agent audio, in the agent's encoding."""
        if self._to_user is None:
            self._pre_answer.play(payload)
            return
        sound = self._to_user.process(payload)
        if not sound:
            return
        lasts_s, now_s = len(sound) / self._bytes_per_s, self._loop.time()
        if not self._position.has_room(lasts_s, now_s) or not self._front.play(sound):
            self._overflow_s += lasts_s
            return
        self._position.send(lasts_s, now_s)
        self._agent_dbfs = level(sound, self._encoding)
        if self._agent_dbfs > SPEECH_DBFS:
            self._spoken_s = self._position.until_s

    def mark(self, name: str) -> bool:
        """Come back when what was sent before has been played."""
        if self._to_user is None:
            return self._pre_answer.mark(name)
        now_s = self._loop.time()
        if not self._position.mark(name, now_s):
            if not self._front.is_twilio:
                return False
            # Some that speak like Twilio send no mark back.
            self._agent.marks_played(self._position.take_all())
            self._position.mark(name, now_s)
        if self._front.is_twilio:
            self._front.mark(name)
        else:
            self._wait_for_mark()
        return True

    def clear(self) -> list[str]:
        """The user interrupted: nothing of what was said before is heard from now on."""
        now_s = self._loop.time()
        self._position.clear(now_s)
        self._spoken_s = min(self._spoken_s, now_s)
        early = [word.name for word in self._pre_answer.take() if isinstance(word, Mark)]
        if self._to_user is not None:
            self._to_user.reset()
        unsent = self._front.clear()
        # Twilio sends back itself what it had got.
        marks = self._position.take_unsent(unsent) if self._front.is_twilio else self._position.take_all()
        return early + marks

    def tell(self, event: str, message: bytes) -> None:
        """A transcript, which the front end must have asked for, or metadata."""
        if event == "metadata" or self.shows_updates:
            self._front.pass_on(message)

    @property
    def shows_updates(self) -> bool:
        """See CallerOutput."""
        return self._front.options.updates

    def _wait_for_mark(self) -> None:
        """Until the first one is due, which after `clear` is sooner than it was."""
        if self._mark_timer is not None:
            self._mark_timer.cancel()
        due_s = self._position.next_mark_s
        self._mark_timer = None if due_s is None else self._loop.call_at(due_s, self._marks_due)

    def _marks_due(self) -> None:
        played = self._position.take_due(self._loop.time())
        self._wait_for_mark()
        self._agent.marks_played(played)

    # time

    def _each_second(self) -> None:
        self._second = self._loop.call_later(1.0, self._each_second)
        now_s = self._loop.time()
        if self._started_s is None or self._away:
            return
        if now_s - self._spoken_s >= self._spec.end_call_after_silence_ms / 1000:
            self._report(CallerInactive())
        if not self._has_heard and now_s - self._started_s >= NO_AUDIO_AFTER_S:
            self._report(NoAudioReceived())

    def _report(self, event: MediaEvent) -> None:
        if type(event) not in self._reported:
            self._reported.add(type(event))
            self._on_event(event)

    async def _close(self) -> None:
        for timer in (self._second, self._mark_timer):
            if timer is not None:
                timer.cancel()
        await self._agent.close()
        remaining_s = min(self._position.remaining_s(self._loop.time()), DRAIN_LIMIT_S)
        if remaining_s > 0 and not self._drained.is_set():
            try:
                await asyncio.wait_for(self._drained.wait(), remaining_s)
            except TimeoutError:
                return
