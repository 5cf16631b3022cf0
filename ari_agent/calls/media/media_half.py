"""The media half of a call: what stands between the caller's audio and the agent.

Plain values in (a MediaSpec, then Commands), plain values out (MediaEvents, MediaStats), each of which can be pickled:
nothing of Asterisk and nothing of records is known here.

| the caller's audio            | file                        |
|-------------------------------|-----------------------------|
| RTP from and to Asterisk      | media/media_session.py      |
| a front end's websocket       | web/web_media.py            |

What both share is here: the agent's side, the silence that ends a call, and the end. Besides what the agent does
(audio_agent_leg.py, dialogue/text_agent_leg.py), these end a call:

| what happens                                             | event             |
|----------------------------------------------------------|-------------------|
| nobody speaks for end_call_after_silence_ms              | CallerInactive    |
| no audio at all within no_audio_after_s of `start`       | NoAudioReceived   |
| a phone's audio stops in mid-call, see AudioStopWatch    | AudioStopped      |

The media half goes on without an agent until `close`.
"""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Final, Literal, TypeAlias

from ari_agent.calls.call_cost import SpeechUsage
from ari_agent.calls.media.agent_leg import CallerOutput, NewAgentLeg
from ari_agent.calls.media.call_media import ConsentOver, MediaEvent, MediaSpec, MediaStats, RecordingPaused
from ari_agent.calls.media.call_tap import CallTap, HearCall, Levels
from ari_agent.calls.media.commands import CallerAway, CallerBack, Command, KeyPressed, TargetListens, Voicemail
from ari_agent.calls.media.silence_watch import SilenceWatch
from ari_agent.calls.media.turn_clock import TurnClock
from ari_agent.calls.media.voice_ends import CallTurns
from ari_agent.contract.call import Latency
from ari_agent.media.audio import SampleFormat
from ari_agent.media.speech_edges import SpeechEdges
from ari_agent.media.wave_file import WaveFormat
from ari_agent.timed_wait import is_set_within

log = logging.getLogger(__name__)

OpenRecording: TypeAlias = Callable[[WaveFormat], Callable[[bytes], None]]
"""Opens the recording of one call, with its header, and returns what appends audio to it without waiting."""

_FIRST_SECONDS: Final = 5  # so long the noise of a line is measured each second, and then in each other one
_DRAIN_POLL_S: Final = 0.02


class MediaHalf(CallerOutput):
    """The media half of one call. Everything happens in the event loop's thread, `on_event` too, which must not wait.

    The agent speaks to its caller through the methods of CallerOutput.
    """

    def __init__(self, spec: MediaSpec, *, on_event: Callable[[MediaEvent], None], new_agent: NewAgentLeg) -> None:
        self._spec, self._on_event = spec, on_event
        self._loop = asyncio.get_running_loop()
        self._agent = new_agent(spec, self, on_event)
        self._silence = SilenceWatch(spec)
        self._turns = TurnClock()
        self._told_turns = CallTurns(self._agent.voice_ends, self._agent.turn_found)
        self._caller_speech: SpeechEdges | None = None
        self._seconds = 0  # of the call so far
        self._started_s: float | None = None
        self._is_away = self._is_recording_paused = self._has_recording_ended = False
        self._keeps_secret = False  # what is said now, whether or not it would be recorded
        self._listener: HearCall | None = None
        self._tap: CallTap | None = None
        self._hears_machine = False  # instead of a caller
        self._lacks_agent = False  # which is lost, and dialled again
        self._sentence_since_s: float | None = None  # while the caller hears that the call is recorded
        self._closing: asyncio.Task[None] | None = None
        self._cut_short = asyncio.Event()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._spec.call_id}, {self._agent!r})"

    @property
    def has_agent(self) -> bool:
        """Whether the agent's websocket is open."""
        return self._agent.is_open

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called, so that the agent is gone for good."""
        return self._closing is not None

    @property
    def is_away(self) -> bool:
        """Whether the caller does not listen, so that no audio of theirs is to be expected."""
        return self._is_away

    @property
    def latency(self) -> Latency | None:
        """How long the agent's turns took, where that is known; valid after `close` too."""
        return self._agent.latency

    @property
    def usage(self) -> SpeechUsage:
        """What the speech services have done for the call so far; it counts up, and stays valid after `close`."""
        return self._agent.usage

    @property
    def agent_messages(self) -> tuple[int, int]:
        """How many messages the agent has sent, and how many were sent to it, audio included."""
        return self._agent.messages_in, self._agent.messages_out

    @property
    def stats(self) -> MediaStats:
        """The counters of audio and messages so far; valid after `close` too."""
        agent = self._agent
        return replace(
            self._audio_stats(),
            agent_messages_received=agent.messages_in,
            agent_messages_sent=agent.messages_out,
            agent_messages_ignored=agent.ignored,
            agent_audio_dropped=agent.audio_dropped,
        )

    def dial_agent(self) -> None:
        """Dial the agent's websocket; AgentReady or AgentFailed follows."""
        if self._closing is None:
            self._agent.dial()

    def start(self) -> None:
        """Let audio flow both ways, because the call is answered now. Idempotent."""
        if self._started_s is None and self._closing is None:
            self._started_s = self._loop.time()
            self._start_audio()
            self._agent.start()

    def pause_recording(self, paused: bool, *, asked_by: Literal["agent", "api"] = "agent") -> bool:
        """Record silence from now on, or end that; RecordingPaused follows. False: the call is not recorded.

        Whoever listens in hears silence too, even where nothing is recorded.
        """
        self._keeps_secret = paused
        if self._tap is not None:
            self._tap.pause(paused)
        is_recorded = not self._has_recording_ended and self._pause_recording(paused)
        if is_recorded and paused is not self._is_recording_paused:
            self._is_recording_paused = paused
            log.info("recording %s", "paused" if paused else "resumed", extra={"call_id": self._spec.call_id})
            self._on_event(RecordingPaused(paused, asked_by))
        return is_recorded

    # who listens in

    @property
    def has_audio(self) -> bool:
        """Whether both sides can be heard: the call is answered, and not closed."""
        return self._started_s is not None and self._closing is None

    def listen(self, hear: HearCall | None) -> SampleFormat | None:
        """Let `hear` have what both sides hear from now on, and return its format; it replaces the one so far.

        It gets an empty piece when the media half closes. None as `hear` ends it. Returns None while there is nothing
        to be heard: before `start`, or while the format of a front end is not known, or after `close`.
        """
        if self._tap is not None:
            self._tap.close()
            self._tap = None
        if hear is None or not self.has_audio:
            return None
        tap = self._tap = self._new_tap(hear)
        if tap is None:
            return None
        tap.pause(self._keeps_secret)
        self._listener = hear
        return tap.samples

    def _end_listening(self) -> None:
        if self._tap is not None and self._listener is not None:
            self._tap.close()
            self._tap = None
            self._listener(b"")

    def command(self, command: Command) -> None:
        """Obey a command; what does not concern the caller's audio is the agent's alone."""
        if isinstance(command, CallerAway | TargetListens):
            self._cut_sentence()
        if isinstance(command, CallerAway | CallerBack | TargetListens):
            self._is_away = isinstance(command, CallerAway)
            self._mute(self._is_away)
        self._tell_turns(command)
        self._agent.command(command)

    def _tell_turns(self, command: Command) -> None:
        """Have no turn measured but between the agent and its caller."""
        match command:
            case CallerAway() | TargetListens() | Voicemail():
                self._hears_machine = self._hears_machine or isinstance(command, Voicemail)
                self._turns.pause(self._loop.time())
            case CallerBack():
                self._turns.resume(self._loop.time())
            case KeyPressed():
                self._turns.key_pressed(self._loop.time())

    def agent_is_away(self, away: bool) -> None:
        """Measure no turn and no silence while the agent is dialled again. See CallerOutput."""
        self._lacks_agent = away
        now_s = self._loop.time()
        if away:
            self._turns.pause(now_s)
            self._end_stream()
        else:
            self._mute(self._is_away)  # silence is counted anew
            if not (self._is_away or self._hears_machine):
                self._turns.resume(now_s)

    async def close(self, *, drain: bool = False) -> None:
        """End it all: the agent is told, and every socket, task and timer of ours is gone within 1 s.

        drain: let what the agent said last be played first, for at most the specification's drain_limit_s; a second
        call without `drain` cuts that short. Idempotent; returns when everything is gone. A front end's websocket
        stays open: its call closes it, and says why.
        """
        if not drain:
            self._cut_short.set()
        if self._closing is None:
            self._closing = self._loop.create_task(self._close(), name=f"closing media of {self._spec.call_id}")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._agent.close()
        if self._started_s is not None:
            await self._wait_while(self._has_unplayed_audio)
        self._cut_sentence()
        self._end_listening()
        self._stop_audio()
        self._settle_turns(inf)
        await self._told_turns.finish()

    async def hear_out(self) -> None:
        """Wait until the caller has heard what the agent has said so far, or that was cleared.

        At most for the specification's drain_limit_s; what the agent says meanwhile is not waited for.
        """
        await self._wait_while(self._unheard_until_now())

    def _unheard_until_now(self) -> Callable[[], bool]:
        """Return what tells whether the caller has yet to hear something of what was said before this call."""
        return self._has_unplayed_audio

    async def _wait_while(self, unheard: Callable[[], bool], *, limit_s: float | None = None) -> None:
        """Wait until this is over, or the media half closes. limit_s: None is the specification's drain_limit_s."""
        deadline_s = self._loop.time() + (self._spec.drain_limit_s if limit_s is None else limit_s)
        while not self._cut_short.is_set() and self._loop.time() < deadline_s and unheard():
            await is_set_within(self._cut_short, _DRAIN_POLL_S)

    def _look_for_silence(self, now_s: float, *, spoken_s: float, has_received: bool) -> None:
        """Report silence that ends the call; to be called about once a second. See SilenceWatch.look."""
        if self._started_s is None or self._is_away or self._lacks_agent or self._closing is not None:
            return
        for event in self._silence.look(now_s, started_s=self._started_s, spoken_s=spoken_s, has_received=has_received):
            self._on_event(event)

    # the sentence that says that the call is recorded

    def _sentence_begins(self) -> None:
        """Take note that the caller hears it from now on, and the agent only after it."""
        self._sentence_since_s = self._loop.time()
        self._turns.pause(self._sentence_since_s)  # what the agent is to say waits, whoever has spoken

    def _sentence_over(self, *, heard: bool) -> None:
        """Take note that the caller has heard all of it, or hears no more of it; ConsentOver follows."""
        now_s, since_s = self._loop.time(), self._sentence_since_s
        if since_s is None:
            return
        self._sentence_since_s = None
        if not self._hears_machine:
            self._turns.resume(now_s)
        outcome = "was heard" if heard else "was not heard to its end"
        log.info("the sentence about recording %s", outcome, extra={"call_id": self._spec.call_id})
        self._on_event(ConsentOver(heard, round((now_s - since_s) * 1000)))

    def _cut_sentence(self) -> None:
        """End the sentence and the recording, if the caller is no longer there to hear the rest of it."""
        if self._sentence_since_s is not None:
            self._has_recording_ended = True
            self._stop_recording()
            self._sentence_over(heard=False)

    # who speaks

    def _hear_caller_by(self, speech: SpeechEdges) -> None:
        """Take from here when the caller speaks, and what, where somebody wants to know that."""
        self._caller_speech = speech
        speech.on_edge = self._caller_edge
        if self._agent.voice_ends is not None:
            speech.keep_sound()

    def _caller_edge(self, speaks: bool, at_s: float) -> None:
        """Take note that the caller begins or stops speaking."""
        speech = self._caller_speech
        self._turns.caller(speaks, at_s, speech.sound() if speech is not None and not speaks else None)
        self._look_closely(self._turns.is_open)

    def _agent_edge(self, speaks: bool, at_s: float) -> None:
        """Take note that the agent's sound begins or stops at the caller."""
        speech = self._caller_speech if speaks and self._turns.hears_caller else None
        self._turns.agent(speaks, at_s, speech.sound(self._loop.time()) if speech is not None else None)
        self._look_closely(self._turns.is_open)

    def _follow_turns(self, now_s: float) -> None:
        """Tell the agent's side of complete turns, and measure the noise; to be called about once a second."""
        self._settle_turns(now_s)
        self._seconds += 1
        if self._seconds <= _FIRST_SECONDS or self._seconds % 2:
            self._measure_levels()

    def _settle_turns(self, now_s: float) -> None:
        for turn in self._turns.settle(now_s):
            self._told_turns.take(turn)

    # What differs with the way of the caller's audio.

    @abstractmethod
    def _start_audio(self) -> None:
        """Begin to play what the agent says, and to hear the caller."""

    @abstractmethod
    def _stop_audio(self) -> None:
        """Release every socket and timer of the caller's side."""

    @abstractmethod
    def _mute(self, muted: bool) -> None:
        """Let the agent hear silence if muted, otherwise the caller again."""

    @abstractmethod
    def _end_stream(self) -> None:
        """Let what the agent says next be another stream, which does not continue what it has said."""

    @property
    @abstractmethod
    def levels(self) -> Levels:
        """Return how loud both sides are at this moment: from what was heard last, looked at now."""

    @abstractmethod
    def _new_tap(self, write: HearCall) -> CallTap | None:
        """Return what gives both sides away from now on; None where their format is not known yet."""

    @abstractmethod
    def _pause_recording(self, paused: bool) -> bool:
        """Record silence from now on, or end that. False: the call is not recorded."""

    @abstractmethod
    def _stop_recording(self) -> None:
        """Record no more, and leave out what the caller has still to hear of the sentence about recording."""

    @abstractmethod
    def _look_closely(self, closely: bool) -> None:
        """Look at every frame of both sides, because the caller waits for an answer, or no longer. See SpeechEdges."""

    @abstractmethod
    def _measure_levels(self) -> None:
        """Let what counts as speech follow each side's noise. See SpeechEdges.measure."""

    @abstractmethod
    def _has_unplayed_audio(self) -> bool:
        """Return whether the caller has yet to hear something that the agent said."""

    @abstractmethod
    def _audio_stats(self) -> MediaStats:
        """Return the counters of the caller's side; those of the agent's side are filled in by `stats`."""
