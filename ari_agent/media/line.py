"""The codec in which a call's audio travels between Asterisk and us, and all that follows from it. Pure.

    format   RTP type   clock      audio between jitter buffer, playout and agent
    ulaw     0          8000 Hz    mu-law, untouched
    g722     9          8000 Hz    s16le at 16 kHz

Asterisk converts from and to the codec of the caller's phone. Towards it, RTP must have a payload type of RFC 3551: it
drops what has a dynamic one without a word, so that G.722 is the only wideband codec of its external media.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ari_agent.media.audio import LINEAR_16K, ULAW, SampleFormat
from ari_agent.media.g722 import G722Decoder, G722Encoder
from ari_agent.media.rtp import G722, PCMU

Convert = Callable[[bytes], bytes]
"""Converts the next piece of one stream."""

WIDEBAND_HZ: Final = 16_000
"""From this sample rate on, an agent hears more of a wideband caller than of a narrowband one."""


@dataclass(frozen=True, slots=True)
class Line:
    """One codec of the line.

    name: what Asterisk calls it. payload_type: of RTP. audio: what its payloads are once they are decoded.
    new_decoder, new_encoder: make what decodes and encodes one stream; None where payloads are the audio themselves.
    """

    name: str
    payload_type: int
    audio: SampleFormat
    new_decoder: Callable[[], Convert] | None = None
    new_encoder: Callable[[], Convert] | None = None


NARROWBAND: Final = Line("ulaw", PCMU, ULAW)
WIDEBAND: Final = Line("g722", G722, LINEAR_16K, lambda: G722Decoder().decode, lambda: G722Encoder().encode)


def line_for(*, caller_is_wideband: bool, agent_encoding: str, agent_rate_hz: int) -> Line:
    """Return the codec for a caller and an agent: wideband where both are, because all else would be made up."""
    agent_is_wideband = agent_encoding == "s16le" and agent_rate_hz >= WIDEBAND_HZ
    return WIDEBAND if caller_is_wideband and agent_is_wideband else NARROWBAND
