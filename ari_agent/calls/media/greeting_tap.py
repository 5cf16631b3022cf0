"""Gives a GreetingListener the caller's audio as the agent gets it, until there is nothing more to find out. Pure."""

from __future__ import annotations

from collections.abc import Callable

from ari_agent.calls.media.beep_detector import RATE_HZ
from ari_agent.calls.media.greeting_listener import FRAME_BYTES, GreetingListener, Heard
from ari_agent.media.audio import ulaw_to_linear
from ari_agent.media.resampler import Resampler


class GreetingTap:
    """Listens to one call from its answer on.

    encoding, rate_hz: of the audio, as an agent's: `mulaw` (8000 Hz) or `s16le`. tell: gets what is found out.
    end: called once, when there is nothing more to find out; no audio is wanted from then on.
    """

    def __init__(self, *, encoding: str, rate_hz: int, tell: Callable[[Heard], None], end: Callable[[], None]) -> None:
        self._is_ulaw = encoding == "mulaw"
        self._resampler = None if self._is_ulaw or rate_hz == RATE_HZ else Resampler(rate_hz, RATE_HZ)
        self._tell, self._end = tell, end
        self._listener = GreetingListener()
        self._rest = b""  # less than a frame

    def hear(self, audio: bytes) -> None:
        """Listen to the next piece of audio, of any length."""
        pcm = ulaw_to_linear(audio) if self._is_ulaw else audio
        if self._resampler is not None:
            pcm = self._resampler.process(pcm)
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % FRAME_BYTES
        self._rest = pcm[whole:]
        for start in range(0, whole, FRAME_BYTES):
            for what in self._listener.hear(pcm[start : start + FRAME_BYTES]):
                self._tell(what)
            if self._listener.is_done:
                self._end()
                return
