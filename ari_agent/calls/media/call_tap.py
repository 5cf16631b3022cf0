"""What somebody who listens in on a call gets of its media half. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias

from ari_agent.media.audio import SampleFormat

HearCall: TypeAlias = Callable[[bytes], None]
"""Takes the next piece of both sides as stereo audio, the caller left; an empty piece is the end. Must not wait."""


class CallTap(Protocol):
    """Gives away what both sides of a call hear, from when it was made until `close`."""

    samples: SampleFormat
    """Of what is given away."""

    def pause(self, paused: bool) -> None:
        """Give silence away from now on in place of both sides, or end that."""

    def close(self) -> None:
        """Give away what is left, and let go of the call. To be called once."""


class Levels(NamedTuple):
    """How loud both sides are at this moment, in dBFS: -96.0, which is silence, to 0.0."""

    caller: float
    agent: float
