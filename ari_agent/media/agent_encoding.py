"""How the audio of a phone call's line becomes the audio of its agent, and back. Pure."""

from __future__ import annotations

from collections.abc import Callable

from ari_agent.media.audio import ULAW, SampleFormat
from ari_agent.media.resampler import Resampler


class AgentEncoding:
    """Converts between the format of the line and the agent's encoding; each direction is a stream with its own state.

    This is for phone calls, whose line has a format of its own, and whose audio to the agent is whole frames already.
    A web call has no line: there a `media.transcoder.Transcoder` converts each direction between two encodings.

    encoding: `mulaw` (rate_hz is then 8000, and the line's format mu-law) or `s16le` (8000..48000 Hz).
    passes: whether both are the same, so that nothing is converted.
    """

    __slots__ = ("_down", "_format", "_rest", "_up", "_whole_bytes", "passes")

    def __init__(self, encoding: str, rate_hz: int, line: SampleFormat = ULAW) -> None:
        self._format = line
        is_ulaw = encoding == "mulaw"
        if is_ulaw and line is not ULAW:
            raise ValueError("an agent that speaks mu-law needs a line of mu-law")
        resampled = not is_ulaw and rate_hz != line.rate_hz
        self.passes = is_ulaw
        self._up = Resampler(line.rate_hz, rate_hz) if resampled else None
        self._down = Resampler(rate_hz, line.rate_hz) if resampled else None
        self._whole_bytes = 2 * line.samples_per_unit  # of s16le
        self._rest = b""  # less than that, which waits for the next piece

    def to_agent(self, audio: bytes) -> bytes:
        """Convert a piece of the caller's audio to the agent's encoding and rate."""
        if self.passes:
            return audio
        pcm = self._format.to_linear(audio)
        return self._up.process(pcm) if self._up is not None else pcm

    def from_agent(self, payload: bytes) -> bytes:
        """Convert a piece of the agent's audio to the format of the line.

        What is no whole unit of 1/8000 s at its end is kept for the next piece.
        """
        if self.passes:
            return payload
        pcm = self._down.process(payload) if self._down is not None else payload
        if self._rest or len(pcm) % self._whole_bytes:
            pcm = self._rest + pcm
            whole = len(pcm) - len(pcm) % self._whole_bytes
            pcm, self._rest = pcm[:whole], pcm[whole:]
        return self._format.from_linear(pcm)

    def clear(self) -> None:
        """Forget what is left of the agent's stream, because it was cut and the next piece does not continue it."""
        self._rest = b""
        if self._down is not None:
            self._down.reset()


class HeardEncoding(AgentEncoding):
    """An agent's encoding that has somebody else hear the caller first, in the format of the line.

    of_agent: what converts; its state goes on. hear: gets each piece of the caller's audio, as the agent is to hear it.
    """

    __slots__ = ("_hear", "_of_agent")

    def __init__(self, of_agent: AgentEncoding, hear: Callable[[bytes], None]) -> None:
        self._of_agent, self._hear = of_agent, hear
        self.passes = False

    def to_agent(self, audio: bytes) -> bytes:
        hear = self._hear
        hear(audio)
        return self._of_agent.to_agent(audio)

    def from_agent(self, payload: bytes) -> bytes:
        return self._of_agent.from_agent(payload)

    def clear(self) -> None:
        self._of_agent.clear()
