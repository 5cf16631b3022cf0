"""Converts one stream of audio between encodings and rates: mu-law at 8 kHz, or s16le at 8 to 48 kHz. Pure."""

from __future__ import annotations

from ari_agent.media.audio import linear_to_ulaw, ulaw_to_linear
from ari_agent.media.resampler import Resampler


class Transcoder:
    """Converts a stream of audio chunk by chunk; what is equal on both sides passes untouched.

    This is for web calls, whose user and agent each have an encoding and send chunks of any length. The line of a phone
    call is a SampleFormat: there `media.agent_encoding.AgentEncoding` converts both directions.

    from_encoding, to_encoding: `mulaw` (its rate is 8000) or `s16le`. Rates in Hz. The output is always whole samples:
    half a sample of input waits for its other half.
    """

    __slots__ = ("_from_ulaw", "_odd", "_resampler", "_to_ulaw")

    def __init__(self, *, from_encoding: str, from_hz: int, to_encoding: str, to_hz: int) -> None:
        self._from_ulaw, self._to_ulaw = from_encoding == "mulaw", to_encoding == "mulaw"
        self._resampler = Resampler(from_hz, to_hz) if from_hz != to_hz else None
        self._odd = b""

    def process(self, payload: bytes) -> bytes:
        """Return all output that this chunk completes."""
        if self._from_ulaw:
            if self._to_ulaw:
                return payload
            pcm = ulaw_to_linear(payload)
        else:
            pcm = self._whole(payload)
        if self._resampler is not None:
            pcm = self._resampler.process(pcm)
        return linear_to_ulaw(pcm) if self._to_ulaw else pcm

    def reset(self) -> None:
        """Forget the past, because the stream was cut and the next chunk does not continue it."""
        self._odd = b""
        if self._resampler is not None:
            self._resampler.reset()

    def _whole(self, pcm: bytes) -> bytes:
        if self._odd:
            pcm, self._odd = self._odd + pcm, b""
        if len(pcm) % 2:
            pcm, self._odd = pcm[:-1], pcm[-1:]
        return pcm
