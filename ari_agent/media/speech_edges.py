"""When one side of a call begins and stops speaking, to a frame, from a look at one frame in four. Pure.

    frames    ....####    ########    ##..........    (# is loud; the look is at each fourth)
    look             #           #           .        . and # differ: all four are looked at
    edges         └ began                └ stopped

Between two edges a look costs what it always did. While somebody waits for an answer (`closely`), every frame is looked
at, so that a short sound between two looks is found, too.

What is loud: 2 samples of 20 above SPEECH_DBFS. On a noisy line that is raised to 15 dB above the quietest frame of the
last half minute, but not above 6 dB below the loudest, which is the voice; three frames of one level are all noise.
One frame in a second or two is measured. What was taken for speech before that was known is unsaid: it ends where it
began.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import cache
from math import ceil
from typing import Final

from ari_agent.media.audio import level_dbfs, rms, ulaw_to_linear
from ari_agent.media.sound import Sound

SPEECH_DBFS: Final = -40.0
"""A level above this counts as somebody speaking; line noise and the hiss of a codec stay below."""
LOOKED_AT: Final = 4
"""One frame in so many is looked at."""

KEPT_FRAMES: Final = 100
"""So many of the latest frames are kept where somebody wants to hear them again: 2 s, where a frame is 20 ms."""

_SAMPLE_STEP: Final = 8
_LOUD_SAMPLES: Final = 2  # of the 20 looked at in 20 ms
_REMEMBERED: Final = 15  # levels: half a minute
_ABOVE_NOISE_DB: Final = 15.0
_BELOW_VOICE_DB: Final = 6.0
_VOICE_DB: Final = 15.0  # between the quietest and the loudest frame where one of them is voice
_NOISE_DB: Final = 6.0  # between them where all are noise
_NOISE_FRAMES: Final = 3


@cache
def _quiet_codes(dbfs: float) -> bytes:
    """Return the mu-law codes whose amplitude is at most that of this level."""
    return bytes(
        code
        for code in range(256)
        if abs(int.from_bytes(ulaw_to_linear(bytes([code])), "little", signed=True)) <= _amplitude(dbfs)
    )


def _amplitude(dbfs: float) -> int:
    return int(32768 * 10 ** (dbfs / 20))


_QUIET: Final = _quiet_codes(SPEECH_DBFS)
_SPEECH_AMPLITUDE: Final = _amplitude(SPEECH_DBFS)


def is_speech(ulaw: bytes) -> bool:
    """Return whether a mu-law frame is loud enough to be somebody speaking; a cheap guess from every eighth sample."""
    return len(ulaw[::_SAMPLE_STEP].translate(None, _QUIET)) >= _LOUD_SAMPLES


def is_linear_speech(pcm: bytes) -> bool:
    """Return whether a frame of s16le is loud enough to be somebody speaking."""
    return rms(pcm) > _SPEECH_AMPLITUDE


def _ulaw_above(dbfs: float) -> Callable[[bytes], bool]:
    quiet = _quiet_codes(dbfs)
    return lambda ulaw: len(ulaw[::_SAMPLE_STEP].translate(None, quiet)) >= _LOUD_SAMPLES


def _linear_above(dbfs: float) -> Callable[[bytes], bool]:
    amplitude = _amplitude(dbfs)
    return lambda pcm: rms(pcm) > amplitude


def _to_nobody(_speaks: bool, _at_s: float) -> None:
    """Drop an edge, because nobody asked for them."""


class SpeechEdges:
    """Finds the edges of one side's speech. Times are those that it is given, in seconds.

    frames: what was not looked at yet, of any length; the owner appends each frame. As soon as there are LOOKED_AT, it
    calls `look`, or `release` where `is_loud(latest) is usual`. is_loud: whether a frame is loud enough to be
    speech. usual: what it says of the latest frame while nothing changes; None where every frame is to be looked at.
    on_edge: gets each edge: whether speech begins there, and when. release: lets go of `frames`.
    """

    __slots__ = (
        "_above",
        "_above_dbfs",
        "_began_s",
        "_bytes_per_s",
        "_closely",
        "_is_linear",
        "_is_speaking",
        "_kept",
        "_levels",
        "_looked_until_s",
        "_rate_hz",
        "frames",
        "is_loud",
        "on_edge",
        "release",
        "usual",
    )

    def __init__(self, *, is_linear: bool, rate_hz: int) -> None:
        """is_linear: frames are s16le, otherwise mu-law. rate_hz: their sample rate."""
        self.frames: list[bytes] = []
        self.release: Callable[[], None] = self.frames.clear
        self._kept: deque[bytes] | None = None
        self._looked_until_s: float | None = None  # during a look
        self.on_edge: Callable[[bool, float], None] = _to_nobody
        self.is_loud = is_linear_speech if is_linear else is_speech
        self.usual: bool | None = False
        self._is_speaking = self._closely = False
        self._began_s = 0.0  # of what is said, or not said, now
        self._is_linear, self._rate_hz = is_linear, rate_hz
        self._above_dbfs = int(SPEECH_DBFS)
        self._above: Callable[[bytes], bool] | None = None  # that level, where it was raised
        self._bytes_per_s = rate_hz * (2 if is_linear else 1)
        self._levels: deque[float] = deque(maxlen=_REMEMBERED)

    def look(self, ended_s: float) -> None:
        """Look at the latest frame, and at those before it where they matter. ended_s: when the latest one ends."""
        is_loud = self._above or self.is_loud
        if self._closely or is_loud(self.frames[-1]) is not self._is_speaking:
            self._search(ended_s)
        self.release()

    def keep_sound(self) -> None:
        """Keep the latest KEPT_FRAMES that were looked at, for `sound`; without this call nothing is kept."""
        frames = self.frames
        kept = self._kept = deque[bytes](maxlen=KEPT_FRAMES)

        def release() -> None:
            kept.extend(frames)
            frames.clear()

        self.release = release

    def sound(self, ended_s: float | None = None) -> Sound | None:
        """Return what was heard lately; None where nothing is kept, or nobody knows when it was.

        ended_s: when the latest frame ended; may be left out by `on_edge`, unless the edge was found by `measure`.
        """
        until_s = self._looked_until_s if ended_s is None else ended_s
        if self._kept is None or until_s is None:
            return None
        return Sound((*self._kept, *self.frames), until_s, is_linear=self._is_linear, rate_hz=self._rate_hz)

    def look_closely(self, closely: bool) -> None:
        """Look at every frame from now on, or at one in LOOKED_AT again."""
        self._closely = closely
        self._set_usual()

    @property
    def sounds(self) -> bool:
        """Return whether there is something to take note of when no frame follows."""
        return self._is_speaking or bool(self.frames)

    def fall_silent(self, at_s: float) -> None:
        """Note that no frame follows those before at_s, when the latest of them ended."""
        self._search(at_s)
        self.release()
        if self._is_speaking:
            self._looked_until_s = at_s
            self._turn(at_s)
            self._looked_until_s = None
        if self._kept:
            self._kept.clear()  # what comes next does not follow it at once
        self.measure(b"")

    def measure(self, frame: bytes) -> None:
        """Set anew what is loud, by the level of a frame; to be called once in a second or two."""
        levels = self._levels
        levels.append(level_dbfs(frame if self._is_linear else ulaw_to_linear(frame[::_SAMPLE_STEP])))
        above_dbfs = self._above_noise_dbfs(min(levels), max(levels))
        was_raised = self._above is not None
        self._above_dbfs, self._above = above_dbfs, None
        if above_dbfs > SPEECH_DBFS:
            self._above = (_linear_above if self._is_linear else _ulaw_above)(above_dbfs)
            if self._is_speaking and not was_raised:
                self._turn(self._began_s)
        self._set_usual()

    def _above_noise_dbfs(self, noise_dbfs: float, voice_dbfs: float) -> int:
        """Return what is loud, in whole dBFS; what it was while nobody knows which frames are noise."""
        spread_db = voice_dbfs - noise_dbfs
        if spread_db >= _VOICE_DB:
            return ceil(min(noise_dbfs + _ABOVE_NOISE_DB, voice_dbfs - _BELOW_VOICE_DB))
        if spread_db <= _NOISE_DB and len(self._levels) >= _NOISE_FRAMES:
            return ceil(noise_dbfs + _ABOVE_NOISE_DB)
        return self._above_dbfs

    def _search(self, ended_s: float) -> None:
        is_loud = self._above or self.is_loud
        self._looked_until_s = ended_s
        ends_s = ended_s - sum(map(len, self.frames)) / self._bytes_per_s
        for frame in self.frames:
            begins_s, ends_s = ends_s, ends_s + len(frame) / self._bytes_per_s
            if is_loud(frame) is not self._is_speaking:
                self._turn(begins_s)
        self._looked_until_s = None

    def _turn(self, at_s: float) -> None:
        self._is_speaking = not self._is_speaking
        self._began_s = at_s
        self._set_usual()
        self.on_edge(self._is_speaking, at_s)

    def _set_usual(self) -> None:
        # What is not loud is no speech on a noisy line either; what is loud may be its noise.
        may_be_noise = self._above is not None and self._is_speaking
        self.usual = None if self._closely or may_be_noise else self._is_speaking
