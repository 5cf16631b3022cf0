"""A call in progress whose sound a test makes, for those who listen in."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from ari_agent.calls.media.call_tap import HearCall, Levels
from ari_agent.calls.session_events import ListeningChanged
from ari_agent.calls.state import CallState
from ari_agent.contract.call import Call
from ari_agent.media.audio import SILENCE_DBFS, ULAW, SampleFormat
from tests.console.conftest import OneCall, a_call
from tests.fakes.sound import Samples, ulaw_encode


class HeardMedia:
    """A media half of which both sides are heard; levels: what it tells of them."""

    def __init__(self) -> None:
        self.has_audio = True
        self.levels = Levels(SILENCE_DBFS, SILENCE_DBFS)
        self.hear: HearCall | None = None

    def listen(self, hear: HearCall | None) -> SampleFormat | None:
        self.hear = hear if self.has_audio else None
        return ULAW if self.hear else None


class HeardCall:
    """A call with such a media half; told: what was posted to its queue."""

    def __init__(self, call_id: str = "call_live", **facts: Any) -> None:
        self.record: Call = a_call(call_id, call_status="ongoing", **facts)
        self.call_id = call_id
        self.state = CallState.TALKING
        self.media = HeardMedia()
        self.told: list[ListeningChanged] = []

    def post(self, event: ListeningChanged) -> None:
        self.told.append(event)

    @property
    def in_list(self) -> OneCall:
        """The same, for a list of calls in progress."""
        return cast(OneCall, self)

    def say(self, left: Samples, right: Samples) -> None:
        """Let both sides be heard."""
        self.give(np.stack([np.frombuffer(ulaw_encode(side), np.uint8) for side in (left, right)], axis=1).tobytes())

    def give(self, stereo: bytes) -> None:
        """Let a piece of mu-law be heard, if anybody listens; an empty one is the end."""
        if self.media.hear:
            self.media.hear(stereo)

    def end(self, state: CallState = CallState.ENDED) -> None:
        """End the audio, as the media half does."""
        self.state, self.media.has_audio = state, False
        self.give(b"")
