"""A bridge whose call is recorded: it hands each frame of both sides to a Recorder, and does all else as Bridge does.

A call that is not recorded has a Bridge, and pays nothing for this. What is heard on either side is taken where it
passes in the format of the line: the caller's audio in front of the agent's encoding (after the jitter buffer, and as
silence while muted), the agent's frames in front of the codec. Where on the time axis it belongs is known all along:

- The caller's next sample is due at `jitter.due_s`, whatever was lost, filled, left out or overtaken.
- The agent's frames are 20 ms each, and where ticks move or are skipped, the RTP timestamps leap by as much.
"""

from __future__ import annotations

from asyncio import TimerHandle
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from math import inf
from typing import Any, Final

from ari_agent.media import rtp
from ari_agent.media.agent_encoding import AgentEncoding, HeardEncoding
from ari_agent.media.audio import mix
from ari_agent.media.bridge import Bridge
from ari_agent.media.line import NARROWBAND, Convert, Line
from ari_agent.media.preceded_playout import PrecededPlayout
from ari_agent.media.recorder import GIVE_EACH_S, HeardParty, Recorder

_TURNS: Final = count()
_TURNS_IN_ALL: Final = 25
"""Calls that began together give their audio away at different moments, in so many turns."""
_LONGEST_LEAP: Final = 60 * rtp.CLOCK_HZ  # a machine that stood still for longer leaves no more silence than this


def _nobody_asks() -> None:
    """Do nothing at the end of a sentence, because there is none."""


class RecordedBridge(Bridge):
    """The audio of one call, as Bridge, and its recording."""

    __slots__ = (
        "_beep",
        "_beep_each_s",
        "_giving",
        "_of",
        "_on_sentence",
        "_record_frame",
        "_recorder",
        "_seconds",
        "_sentence",
        "_start_s",
        "_tone",
    )

    def __init__(
        self,
        *,
        recorder: Recorder,
        beep_each_s: int = 0,
        beep: Sequence[bytes] = (),
        sentence: Sequence[bytes] = (),
        on_sentence: Callable[[], None] = _nobody_asks,
        encoding: AgentEncoding,
        line: Line = NARROWBAND,
        send_agent: Callable[[bytes], None],
        on_second: Callable[[float], None],
        background: Convert | None = None,
        **others: Any,
    ) -> None:
        """Take what the bridge needs from outside: see Bridge, which gets the others as they are.

        recorder: for the format of the line. beep: the frames of a tone that tells both sides that they are recorded,
        in that format; it is mixed into what the caller hears every `beep_each_s` seconds, never for 0.
        sentence: frames that the caller hears before all that the agent says; until their end, at which `on_sentence`
        is called, the caller's side is recorded as silence. background: see Bridge; it is recorded as it is heard.
        """

        def each_second(now_s: float) -> None:
            self._beep_if_due()
            on_second(now_s)

        super().__init__(
            encoding=encoding if encoding.passes else HeardEncoding(encoding, recorder.hear_caller),
            line=line,
            send_agent=_heard_by_both(recorder, send_agent) if encoding.passes else send_agent,
            on_second=each_second,
            **others,
        )
        self._recorder, self._of = recorder, line.audio
        record = _recording(recorder, self._encode)
        self._record_frame = record if background is None else lambda frame: record(background(frame))
        self._encode = self._first_frame
        self._start_s = 0.0
        self._giving: TimerHandle | None = None
        self._seconds, self._beep_each_s, self._beep = 0, beep_each_s, beep
        self._tone: Iterator[bytes] = iter(())
        self._on_sentence = on_sentence
        self._sentence: PrecededPlayout | None = None
        if sentence:
            recorder.leave_out_caller(True)
            self.playout = self._sentence = PrecededPlayout(sentence, self._sentence_heard, line.audio)

    def start(self) -> None:
        """Begin the conversation, and its recording. See Bridge."""
        super().start()
        self._start_s = self.heard_s
        turn_s = GIVE_EACH_S * (1 + next(_TURNS) % _TURNS_IN_ALL) / _TURNS_IN_ALL
        self._giving = self._call_at(self._start_s + turn_s, self._give)

    def stop(self) -> None:
        """End the audio in both directions, and give away what is left of the recording. Idempotent. See Bridge."""
        if self._started:
            self._recorder.close(self._caller_end)
        if self._giving is not None:
            self._giving.cancel()
        super().stop()

    def hand_over(self) -> tuple[Recorder, float]:
        """End the audio as `stop` does; return the recorder, and up to when it has all, by the clock of the bridge."""
        self.stop()
        self._recorder.heard_is(HeardParty.CALLER)
        return self._recorder, self._start_s + self._recorder.agent_end / rtp.CLOCK_HZ

    def pause(self, paused: bool) -> None:
        """Record silence from now on, or end that."""
        self._flush()
        self._recorder.pause(paused)

    @property
    def is_stopped(self) -> bool:
        """Return whether the recording has ended before the call."""
        return self._recorder.is_stopped

    @property
    def sentence_units(self) -> int:
        """Return how much of the sentence is still to be heard, in units of 1/8000 s."""
        return self._sentence.sentence_units if self._sentence and self._started else 0

    def cut_sentence(self) -> None:
        """Leave the rest of the sentence out: the recording ends here, and the tones that tell of it."""
        self._beep_each_s = 0
        if self._sentence:
            self._sentence.cut_sentence()
        self._flush()
        self._recorder.stop()

    def _sentence_heard(self) -> None:
        self._flush()
        self._recorder.leave_out_caller(False)
        self._on_sentence()

    def heard_is(self, party: HeardParty) -> None:
        """Take what comes from the line from now on for this party's."""
        self._flush()
        self._recorder.heard_is(party)

    def skip(self, ticks: int) -> None:
        """Leap over frames that were never sent. See Bridge."""
        self._flush()  # what was heard before the leap belongs in front of it
        before = self._stream.timestamp
        super().skip(ticks)
        self._leap(before)

    def _align_talkspurt(self) -> None:
        before = self._stream.timestamp
        super()._align_talkspurt()
        self._leap(before)

    def _leap(self, before: int) -> None:
        """Note how far the timestamps have leapt."""
        units = rtp.timestamp_delta(self._stream.timestamp, before)
        kept = min(units, _LONGEST_LEAP)
        self._start_s += (units - kept) / rtp.CLOCK_HZ
        self._recorder.pass_time(kept)

    @property
    def _caller_end(self) -> int | None:
        until_s = self.caller_until_s
        return None if until_s == inf else round((until_s - self._start_s) * rtp.CLOCK_HZ)

    def _give(self) -> None:
        self._giving = self._call_at(self._clock() + GIVE_EACH_S, self._give)
        self._flush()

    def _flush(self) -> None:
        if self._started:
            self._recorder.flush(self._caller_end)

    def _first_frame(self, frame: bytes) -> bytes:
        """Note when the agent's side begins, which is with the first tick after the start."""
        self._encode = self._record_frame
        waited = round((self._clock() - self._start_s) * rtp.CLOCK_HZ) - self._recorder.agent_end
        self._recorder.pass_time(max(0, min(waited, _LONGEST_LEAP)))
        return self._record_frame(frame)

    def _beep_if_due(self) -> None:
        self._seconds += 1
        if self._beep_each_s and self._seconds % self._beep_each_s == 0 and not self._recorder.paused:
            self._tone = iter(self._beep)
            self._encode = self._beeping

    def _beeping(self, frame: bytes) -> bytes:
        tone = next(self._tone, None)
        if tone is None:
            self._encode = self._record_frame
            return self._record_frame(frame)
        return self._record_frame(mix(frame, tone, self._of))


def _heard_by_both(recorder: Recorder, send_agent: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """Return what gives the caller's audio to a recorder, and as it is to the agent."""
    hear = recorder.hear_caller

    def give(audio: bytes) -> None:
        hear(audio)
        send_agent(audio)

    return give


def _recording(recorder: Recorder, encode: Convert | None) -> Convert:
    """Return what takes the place of an encoder: it has the recorder hear each frame, and encodes it."""
    hear = recorder.hear_agent
    if encode is None:

        def pass_on(frame: bytes) -> bytes:
            hear(frame)
            return frame

        return pass_on

    def encode_frame(frame: bytes) -> bytes:
        hear(frame)
        return encode(frame)

    return encode_frame
