"""What was heard of one side lately, kept to be listened to again. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from ari_agent.media.audio import at_rate, reverse, ulaw_to_linear

_PIECE_FRAMES: Final = 25


@dataclass(frozen=True, slots=True)
class Sound:
    """What was heard of one side up to a moment. frames: oldest first. ended_s: when the last of them ended.

    is_linear: they are s16le, otherwise mu-law. rate_hz: their sample rate.
    """

    frames: Sequence[bytes] = field(repr=False)
    ended_s: float
    is_linear: bool
    rate_hz: int

    def backward(self, rate_hz: int) -> Iterator[bytes]:
        """Yield it as s16le at this rate from its end to its beginning, in pieces of about half a second."""
        state = None
        for end in range(len(self.frames), 0, -_PIECE_FRAMES):
            audio = b"".join(self.frames[max(0, end - _PIECE_FRAMES) : end])
            piece, state = at_rate(
                reverse(audio if self.is_linear else ulaw_to_linear(audio)), self.rate_hz, rate_hz, state
            )
            yield piece
