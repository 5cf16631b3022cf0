"""The media half of a web call: front end and agent, both on websockets, with no Asterisk between.

    front end -> pieces of 20 ms -> encoding and rate of the agent -> agent
    front end <- encoding and rate of the front end <- agent

Nothing paces here: the front end sends in real time (user_audio.py), and plays in real time what it gets in bursts
(playback_position.py knows how far).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Final

from ari_agent.agents.message import Mark
from ari_agent.calls.media.agent_leg import NewAgentLeg
from ari_agent.calls.media.announcement import kept_in_encoding
from ari_agent.calls.media.audio_agent_leg import AudioAgentLeg
from ari_agent.calls.media.call_media import MediaEvent, MediaSpec, MediaStats
from ari_agent.calls.media.call_tap import CallTap, HearCall, Levels
from ari_agent.calls.media.commands import KeyPressed
from ari_agent.calls.media.media_half import MediaHalf, OpenRecording
from ari_agent.calls.web.front_end import FrontEnd
from ari_agent.calls.web.playback_position import AHEAD_LIMIT_S, PlaybackPosition
from ari_agent.calls.web.pre_answer_audio import PreAnswerAudio, PreAnswerSound
from ari_agent.calls.web.user_audio import BYTES_PER_SAMPLE, UserAudio, level
from ari_agent.calls.web.web_recording import WebRecording, recorded_format
from ari_agent.calls.web.web_tap import WebTap
from ari_agent.calls.web.web_tone import WebTone
from ari_agent.contract.registered_call import AudioFormat
from ari_agent.media.audio import FRAME_MS, SILENCE_DBFS
from ari_agent.media.recorder import GIVE_EACH_S
from ari_agent.media.speech_edges import LOOKED_AT, SPEECH_DBFS, SpeechEdges
from ari_agent.media.transcoder import Transcoder
from ari_agent.media.wave_file import WaveFormat

_PUSH_TO_TALK_S: Final = 0.25
"""A front end from which nothing has come for so long sends no audio while its user is silent."""

_PIECES_PER_S: Final = 10
"""In how many messages a second of the sentence about recording is sent; the front end plays them in real time."""


class WebMedia(MediaHalf):
    """The media half of one web call.

    front: the front end, whose websocket is open. record_to: opens the file of a call that is recorded.
    """

    def __init__(
        self,
        spec: MediaSpec,
        front: FrontEnd,
        *,
        on_event: Callable[[MediaEvent], None],
        new_agent: NewAgentLeg = AudioAgentLeg,
        record_to: OpenRecording | None = None,
    ) -> None:
        super().__init__(spec, on_event=on_event, new_agent=new_agent)
        self._record_to = record_to if spec.recording.sides != "off" else None
        self._recording: WebRecording | None = None
        self._laid: tuple[WebRecording, ...] = ()  # the recording, and what is laid out for whoever listens in
        self._audio: AudioFormat | None = None  # how the front end's audio travels
        self._tone: WebTone | None = None
        self._tone_timer: asyncio.TimerHandle | None = None
        self._front = front
        self._user_audio: UserAudio | None = None
        self._to_user: Transcoder | None = None
        self._encoding, self._bytes_per_s = "mulaw", 8000
        self._agent_speech = SpeechEdges(is_linear=False, rate_hz=8000)
        self._agent_latest = b""  # 20 ms at most of what it said last
        self._heard_s = 0.0  # when the user's audio came last
        # What the agent says before the front end's format is known, and the sentence about recording heard.
        bytes_per_s = self._agent.rate_hz * BYTES_PER_SAMPLE[self._agent.encoding]
        self._pre_answer = PreAnswerAudio(limit_bytes=int(AHEAD_LIMIT_S) * bytes_per_s)
        self._position = PlaybackPosition(self._loop.time())
        self._mark_timer: asyncio.TimerHandle | None = None
        self._second_timer: asyncio.TimerHandle | None = None
        self._recording_timer: asyncio.TimerHandle | None = None
        self._sentence_timer: asyncio.TimerHandle | None = None
        self._told_s = -inf  # when the user has heard that the call is recorded; what was said before is not kept
        self._spoken_s = 0.0  # when somebody spoke last
        self._has_received = False
        self._overflow_s = 0.0
        self._agent_dbfs = SILENCE_DBFS

    def _start_audio(self) -> None:
        self._spoken_s = max(self._spoken_s, self._loop.time())
        self._second_timer = self._loop.call_later(1.0, self._each_second)
        if self._record_to is not None:
            self._give_recording()

    def _stop_audio(self) -> None:
        for timer in (
            self._second_timer,
            self._mark_timer,
            self._recording_timer,
            self._sentence_timer,
            self._tone_timer,
        ):
            if timer is not None:
                timer.cancel()
        if self._recording is not None:
            self._recording.close(self._loop.time())
            self._recording = None
            self._lay_out()

    def _mute(self, muted: bool) -> None:
        if not muted:
            self._spoken_s = self._loop.time()

    def _end_stream(self) -> None:
        if self._to_user is not None:
            self._to_user.reset()

    def _give_recording(self) -> None:
        self._recording_timer = self._loop.call_later(GIVE_EACH_S, self._give_recording)
        if self._recording is not None:
            self._recording.flush(self._loop.time())

    def _pause_recording(self, paused: bool) -> bool:
        if self._recording is None:
            return False
        now_s = self._loop.time()
        self._recording.pause(paused, now_s)
        if self._tone is not None:
            self._tone.leave_out(now_s)
        return True

    def _stop_recording(self) -> None:
        """Record no more. A front end plays what it has got of the sentence; it is cut only as the call ends."""
        if self._recording is not None:
            self._recording.stop(self._loop.time())

    @property
    def levels(self) -> Levels:
        """Return how loud both sides are at this moment. See MediaHalf."""
        now_s, user = self._loop.time(), self._user_audio
        user_speaks = user is not None and now_s - self._heard_s <= _PUSH_TO_TALK_S
        return Levels(
            user.dbfs if user is not None and user_speaks else SILENCE_DBFS,
            self._agent_dbfs if self._position.until_s > now_s else SILENCE_DBFS,
        )

    def _new_tap(self, write: HearCall) -> CallTap | None:
        if self._audio is None:
            return None
        tap = WebTap(self._audio, write=write, on_close=self._lay_out)
        self._lay_out(tap.laid)
        return tap

    def _lay_out(self, tapped: WebRecording | None = None) -> None:
        """Lay what is said from now on out for the recording, if there is one, and for whoever listens in."""
        self._laid = tuple(laid for laid in (self._recording, tapped) if laid is not None)

    def _has_unplayed_audio(self) -> bool:
        return self._sentence_timer is not None or self._position.remaining_s(self._loop.time()) > 0

    def _audio_stats(self) -> MediaStats:
        return MediaStats(
            packets_received=self._front.messages_in,
            packets_sent=self._front.writer.messages_out,
            send_errors=self._front.writer.dropped,
            cleared_ms=int(self._position.cleared_s * 1000),
            overflow_ms=int(self._overflow_s * 1000),
            queued_ms=int(self._position.remaining_s(self._loop.time()) * 1000) if self._closing is None else 0,
            caller_dbfs=self._user_audio.dbfs if self._user_audio else SILENCE_DBFS,
            agent_dbfs=self._agent_dbfs,
        )

    # what the front end tells: see User

    def format_known(self, audio: AudioFormat) -> None:
        """Take note of how audio travels; what the agent said meanwhile goes out now."""
        agent = self._agent
        self._audio, self._encoding = audio, audio.audio_encoding
        self._bytes_per_s = audio.sample_rate * BYTES_PER_SAMPLE[audio.audio_encoding]
        self._user_audio = UserAudio(
            audio, agent_encoding=agent.encoding, agent_hz=agent.rate_hz, speech_dbfs=SPEECH_DBFS
        )
        self._hear_caller_by(self._user_audio.speech)
        self._agent_speech = SpeechEdges(is_linear=audio.audio_encoding != "mulaw", rate_hz=audio.sample_rate)
        self._agent_speech.on_edge = self._agent_edge
        self._to_user = Transcoder(
            from_encoding=agent.encoding,
            from_hz=agent.rate_hz,
            to_encoding=audio.audio_encoding,
            to_hz=audio.sample_rate,
        )
        if self._record_to is not None:
            self._begin_recording(self._record_to, audio)
        if self._sentence_timer is None:
            self._play_what_waited()

    def _begin_recording(self, record_to: OpenRecording, audio: AudioFormat) -> None:
        """Record the call, and tell the user so, before all else if there is a sentence."""
        now_s, plan = self._loop.time(), self._spec.recording
        self._recording = WebRecording(
            record_to(WaveFormat(recorded_format(audio))),
            audio,
            agent_only=plan.sides == "agent_only",
            start_s=now_s,
        )
        self._lay_out()
        if plan.beep_s:
            self._tone = WebTone(audio, every_s=plan.beep_s, start_s=now_s)
            self._tone_timer = self._loop.call_at(self._tone.due_s, self._tone_due, self._tone)
        if self._spec.consent:
            self._sentence_begins()
            sentence = kept_in_encoding(self._spec.consent, audio.audio_encoding, audio.sample_rate)
            size = self._bytes_per_s // _PIECES_PER_S // 2 * 2
            for start in range(0, len(sentence), size):
                self._send(sentence[start : start + size], now_s)
            self._spoken_s = self._told_s = self._position.until_s
            self._sentence_timer = self._loop.call_at(self._told_s, self._sentence_heard)

    def _sentence_heard(self) -> None:
        self._sentence_timer = None
        self._sentence_over(heard=True)
        self._play_what_waited()

    def _play_what_waited(self) -> None:
        for item in self._pre_answer.take():
            if isinstance(item, PreAnswerSound):
                self.play(item.payload)
            else:
                self.mark(item.name)

    def hear(self, payload: bytes) -> None:
        """Pass the user's audio, of any length, on to the agent; dropped while its format is not known."""
        audio = self._user_audio
        if audio is None or not payload:
            return
        self._has_received = True
        now_s = self._heard_s = self._loop.time()
        if self._laid:
            began_s = now_s - len(payload) / self._bytes_per_s
            for laid in self._laid:
                laid.hear(payload, now_s, muted=self._is_away or began_s < self._told_s)
        for piece in audio.hear(payload, muted=self._is_away, now_s=now_s):
            self._agent.hear(piece)
        if audio.spoke:
            self._spoken_s = max(self._spoken_s, self._loop.time())

    def key_pressed(self, digit: str) -> None:
        """Tell the agent of a key that the user pressed; Twilio does not say for how long."""
        self.command(KeyPressed(digit, 0))

    def mark_heard(self, name: str) -> None:
        """Tell the agent that a mark was heard: Twilio sent it back, once for each that went out."""
        if self._position.take_returned(name):
            self._agent.marks_played([name])

    # what the agent says: see CallerOutput

    def play(self, payload: bytes) -> None:
        """Play agent audio to the user, once it is known how, and the sentence was heard. See CallerOutput."""
        if self._to_user is None or self._sentence_timer is not None:
            self._pre_answer.play(payload)
            return
        sound = self._to_user.process(payload)
        if not sound:
            return
        now_s = self._loop.time()
        if self._tone is not None and not self._is_recording_paused:
            sound = self._tone.laid_into(sound, max(now_s, self._position.until_s))
        self._note_silence(now_s)
        begins_s = self._send(sound, now_s)
        if begins_s is None:
            return
        self._listen_to_agent(sound, begins_s)
        self._agent_dbfs = level(sound, self._encoding)
        if self._agent_dbfs > SPEECH_DBFS:
            self._spoken_s = self._position.until_s

    def _send(self, sound: bytes, now_s: float) -> float | None:
        """Send sound to the user, and have it recorded; return when it will be heard, None where it is dropped."""
        lasts_s, begins_s = len(sound) / self._bytes_per_s, max(now_s, self._position.until_s)
        if not self._position.has_room(lasts_s, now_s) or not self._front.play(sound):
            self._overflow_s += lasts_s
            return None
        for laid in self._laid:
            laid.play(sound, begins_s)
        self._position.send(lasts_s, now_s)
        return begins_s

    def mark(self, name: str) -> bool:
        """Add a mark after the audio so far; False where too many marks wait already. See CallerOutput."""
        if self._to_user is None or self._sentence_timer is not None:
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
        """Drop agent audio that was not heard yet, and return the names of its marks. See CallerOutput."""
        now_s = self._loop.time()
        early = [item.name for item in self._pre_answer.take() if isinstance(item, Mark)]
        if self._sentence_timer is not None:
            return early
        self._agent_speech.fall_silent(min(now_s, self._position.until_s))
        self._position.clear(now_s)
        if self._tone is not None:
            self._tone.leave_out(now_s)
        for laid in self._laid:
            laid.clear(now_s)
        self._turns.agent_cleared(now_s)
        self._spoken_s = min(self._spoken_s, now_s)
        if self._to_user is not None:
            self._to_user.reset()
        unsent = self._front.clear()
        # Twilio sends back itself what it had got.
        marks = self._position.take_unsent(unsent) if self._front.is_twilio else self._position.take_all()
        return early + marks

    def tell(self, event: str, message: bytes) -> None:
        """Send a message to the user's screen; a transcript only to one that asked for it. See CallerOutput."""
        if event == "metadata" or self.shows_updates:
            self._front.pass_on(message)

    @property
    def shows_updates(self) -> bool:
        """Whether the front end asked for transcripts."""
        return self._front.options.updates

    # who speaks

    def _listen_to_agent(self, sound: bytes, ended_s: float) -> None:
        """Find where the agent begins and stops to speak. ended_s: when the user will have heard all before this."""
        speech, size = self._agent_speech, self._bytes_per_s * FRAME_MS // 1000
        for start in range(0, len(sound), size):
            piece = self._agent_latest = sound[start : start + size]
            speech.frames.append(piece)
            ended_s += len(piece) / self._bytes_per_s
            if len(speech.frames) == LOOKED_AT or start + size >= len(sound):
                speech.look(ended_s)

    def _note_silence(self, now_s: float) -> None:
        """Take note of a side from which nothing comes any more."""
        user = self._user_audio
        if user is not None and user.speech.sounds and now_s - self._heard_s > _PUSH_TO_TALK_S:
            user.speech.fall_silent(self._heard_s)
        if self._position.until_s < now_s and self._agent_speech.sounds:
            self._agent_speech.fall_silent(self._position.until_s)

    def _look_closely(self, closely: bool) -> None:
        self._agent_speech.look_closely(closely)
        if self._user_audio is not None:
            self._user_audio.speech.look_closely(closely)

    def _measure_levels(self) -> None:
        self._agent_speech.measure(self._agent_latest)
        if self._user_audio is not None:
            self._user_audio.measure_level()

    def _wait_for_mark(self) -> None:
        """Set the timer to the first mark that is due, which after `clear` is sooner than it was."""
        if self._mark_timer is not None:
            self._mark_timer.cancel()
        due_s = self._position.next_mark_s
        self._mark_timer = None if due_s is None else self._loop.call_at(due_s, self._marks_due)

    def _marks_due(self) -> None:
        played = self._position.take_due(self._loop.time())
        self._wait_for_mark()
        self._agent.marks_played(played)

    def _each_second(self) -> None:
        self._second_timer = self._loop.call_later(1.0, self._each_second)
        now_s = self._loop.time()
        self._note_silence(now_s)
        self._follow_turns(now_s)
        self._look_for_silence(now_s, spoken_s=self._spoken_s, has_received=self._has_received)

    def _tone_due(self, tone: WebTone) -> None:
        """Play the tone that says that the call is recorded, unless the agent is heard with it, or none is to be."""
        now_s = self._loop.time()
        if self._is_recording_paused:
            tone.leave_out(now_s)
        elif self._position.until_s <= now_s and (sound := tone.alone(now_s)):
            self._send(sound, now_s)
        next_s = max(tone.due_s, self._position.until_s)
        self._tone_timer = self._loop.call_at(next_s, self._tone_due, tone)
