"""The agent's own echo in a caller's audio, told from the caller's voice by what was played. Pure.

    played   ▁▁▇▇▅▁▇▇▁▁▁▁▁▁▁▁      levels of 20 ms, as they leave for the caller
    heard    ▁▁▁▁▁▁▂▂▁▁▂▂▁▁▁▁      the same, `lag` later and `gain` lower: an echo
    heard    ▁▁▁▁▁▁▂▆▇▆▇▂▁▁▁▁      louder than that: a voice over it

A telephone's loudspeaker comes back through its microphone, and some lines have no echo canceller. The path is learnt
from half a second in which the levels agree; from then on a sound counts as echo while it is no louder than the path
lets expect. Before that, a sound counts as echo while it agrees with what was played. Only levels are compared, and
only when voice activity has taken a sound for a voice: a frame of 20 ms costs one level.

The numbers were measured with synthesised speech, G.711 and noise of -65 dBFS: levels of echoes of -12 to -45 dB differ
from what was played by 4 dB at most in 19 of 20 half seconds, those of somebody else's speech by more than 4.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
import numpy.typing as npt

from ari_agent.media.audio import level_dbfs

FRAME_MS: Final = 20
FRAME_BYTES: Final = FRAME_MS * 32  # s16le at 16 kHz
LONGEST_LAG_MS: Final = 800
"""The latest echo that is looked for: the ways out and back, and both ends' jitter buffers."""
LOUDEST_ECHO_DB: Final = -6.0
"""The loudest echo beside what was played; what is louder is a voice. Telephones damp theirs by much more."""
MARGIN_DB: Final = 4.0
"""How much louder than expected an echo may be."""
AGREES_DB: Final = 4.0
"""How much levels may differ, as the root of the mean square, and still agree."""
LEARNT_DB: Final = 2.5
"""How much they may differ for a path to be learnt from them."""

_WINDOW: Final = 25  # frames that are compared
_LAGS: Final = LONGEST_LAG_MS // FRAME_MS + 1
_LEARNT_FRAMES: Final = 15  # with sound in them, for a path to be learnt
_KEPT: Final = _WINDOW + _LAGS
_FLOOR_DBFS: Final = -75.0
_LOUD_DB: Final = 20.0  # below the loudest frame: what the gain is told from
_AUDIBLE_DB: Final = 6.0  # above the floor
_QUIETER_DB: Final = 12.0  # than expected: perhaps the path has changed
_JITTER: Final = 3  # frames by which audio may come early or late

_Levels = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EchoPath:
    """How the agent's sound comes back. lag: in frames of 20 ms. gain_db: beside what was played."""

    lag: int
    gain_db: float


class Echo:
    """Knows what one caller is played, and tells which of the caller's sounds are its echo.

    path: None until an echo was heard for half a second. Audio is s16le at 16 kHz; all times are ms of one monotonic
    clock.
    """

    def __init__(self) -> None:
        self.path: EchoPath | None = None
        self._played: deque[float] = deque()  # levels, the first one of frame _first
        self._first = 0
        self._rest = b""  # of what is played: less than a frame
        self._heard: deque[float] = deque(maxlen=_WINDOW)
        self._now = 0  # the frame that was heard last

    def play(self, pcm: bytes, now_ms: float) -> None:
        """Take note of sound that is played now, or after all that was handed over before."""
        now = _frame(now_ms)
        if not self._played:
            self._first, self._now, self._rest = now, now - 1, b""
            self._heard.extend([_FLOOR_DBFS] * _WINDOW)
        elif (gap := now - self._first - len(self._played)) > 0:
            self._played.extend([_FLOOR_DBFS] * min(gap, _KEPT))
            self._first, self._rest = now - len(self._played), b""
        self._forget(now)  # of a caller who sends nothing, nothing is heard that would do it
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % FRAME_BYTES
        self._rest = pcm[whole:]
        self._played.extend(_level(pcm[start : start + FRAME_BYTES]) for start in range(0, whole, FRAME_BYTES))

    def clear(self, now_ms: float) -> None:
        """Take note that what is not played yet will not be."""
        left = max(0, _frame(now_ms) - self._first)
        while len(self._played) > left:
            self._played.pop()
        self._rest = b""

    def hear(self, pcm: bytes, now_ms: float) -> None:
        """Take the next 20 ms of the caller's audio, to be compared with what was played."""
        if not self._played:
            return
        self._now += 1
        if abs(_frame(now_ms) - self._now) > _JITTER:
            self._now = _frame(now_ms)
        self._heard.append(_level(pcm))
        self._forget(self._now)

    def explains(self) -> bool:
        """Whether what was heard last is an echo of what was played."""
        if not self._played:
            return False
        played, loudest = self._played_until_now(), max(self._heard[-1], self._heard[-2])
        if loudest > played.max() + LOUDEST_ECHO_DB:
            return False
        if self.path is None:
            return self._agrees(played)
        at = _KEPT - self.path.lag
        above_db = loudest - played[at - 3 : at + 1].max() - self.path.gain_db
        if -_QUIETER_DB <= above_db <= MARGIN_DB:
            return True
        return self._agrees(played) or above_db <= MARGIN_DB

    def _agrees(self, played: _Levels) -> bool:
        """Compare the last half second with what was played, at every lag; learn the path where they agree well."""
        heard = np.array(self._heard)
        floor_db = max(_FLOOR_DBFS, float(heard.min()))
        at_lags = np.lib.stride_tricks.sliding_window_view(played, _WINDOW)[:0:-1]  # a row for each lag, from 0
        is_loud = at_lags > np.maximum(at_lags.max(axis=1) - _LOUD_DB, _FLOOR_DBFS + _AUDIBLE_DB)[:, None]
        loud = is_loud.sum(axis=1)
        gains_db = np.where(is_loud, heard - at_lags, 0.0).sum(axis=1) / np.maximum(loud, 1)
        expected = np.maximum(at_lags + gains_db[:, None], floor_db)
        counts = np.maximum(expected, heard) > floor_db + _AUDIBLE_DB
        sounding = counts.sum(axis=1)
        squares = np.square(np.where(counts, heard - expected, 0.0)).sum(axis=1)
        errors_db = np.sqrt(squares / np.maximum(sounding, 1))
        errors_db[(loud == 0) | (sounding == 0) | (gains_db > LOUDEST_ECHO_DB)] = np.inf
        lag = int(errors_db.argmin())
        if errors_db[lag] <= LEARNT_DB and sounding[lag] >= _LEARNT_FRAMES:
            self.path = EchoPath(lag, float(gains_db[lag]))
        return bool(errors_db[lag] <= AGREES_DB)

    def _played_until_now(self) -> _Levels:
        """Return the levels of the last _KEPT frames, in order."""
        levels = np.full(_KEPT, _FLOOR_DBFS)
        begin = self._now - _KEPT + 1
        known = list(islice(self._played, max(0, begin - self._first), max(0, self._now + 1 - self._first)))
        at = max(0, self._first - begin)
        levels[at : at + len(known)] = known
        return levels

    def _forget(self, now: int) -> None:
        while self._played and self._first < now - _KEPT:
            self._played.popleft()
            self._first += 1


def _frame(at_ms: float) -> int:
    return int(at_ms // FRAME_MS)


def _level(pcm: bytes) -> float:
    return max(_FLOOR_DBFS, level_dbfs(pcm))
