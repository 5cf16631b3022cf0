"""A playout queue in front of which a sentence is played that the agent can neither cut off nor talk over. Pure.

While the sentence is played the agent's audio waits, as it does while the caller still rings: it keeps its order and
its marks, `clear` drops it, and none of it is counted as late.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from ari_agent.media.audio import FRAME_UNITS, ULAW, SampleFormat
from ari_agent.media.playout import Playout


class PrecededPlayout(Playout):
    """One call's queue of agent audio for the caller, and a sentence before it. See Playout.

    sentence: whole frames of 20 ms in the format of the line. on_end: called once, when its last frame was played.
    """

    __slots__ = ("_on_end", "_sentence")

    def __init__(self, sentence: Iterable[bytes], on_end: Callable[[], None], of: SampleFormat = ULAW) -> None:
        super().__init__(of)
        self._sentence = deque(sentence)
        self._on_end: Callable[[], None] | None = on_end
        self.idle = False

    @property
    def sentence_units(self) -> int:
        """Return how much of the sentence is still to be played, in units of 1/8000 s; its last frame until its end."""
        return max(1, len(self._sentence)) * FRAME_UNITS if self._on_end else 0

    def cut_sentence(self) -> None:
        """Leave the rest of the sentence out, without calling on_end."""
        self._sentence.clear()
        self._on_end = None

    def clear(self) -> list[str]:
        """Drop all queued audio of the agent at once, but nothing of the sentence. See Playout."""
        names = super().clear()
        self.idle = self.idle and not self._sentence
        return names

    def skip(self, ticks: int) -> None:
        """Note that `ticks` times 20 ms have passed in which nothing could be played. See Playout."""
        if not self._sentence:  # else the agent's turn has not come, and none of its time is lost
            super().skip(ticks)

    def next_frame(self) -> bytes | None:
        """Return the frame for this tick: of the sentence, and after it of the agent. See Playout."""
        if self._sentence:
            return self._sentence.popleft()
        if self._on_end is not None:
            on_end, self._on_end = self._on_end, None
            on_end()
        return super().next_frame()
