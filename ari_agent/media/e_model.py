"""How good a conversation sounds, estimated from what the network did to it: the E-model of ITU-T G.107. Pure.

    R = R0 - Idd(delay) - Ie,eff(codec, loss)      R0: 93.2, or 129 for wideband (G.107.1)
    MOS by G.107 Annex B; a wideband R is divided by 1.29 first (G.107.1 Annex A)

R0 is what the Recommendations give for their default values of everything that RTP and RTCP say nothing about: levels,
noise, sidetone. Echo is not among the impairments, because an agent sends none back. It is an estimate for planners,
not a measurement of this call's sound.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

R_NARROWBAND: Final = 93.2
R_WIDEBAND: Final = 129.0
_IE_MAX: Final = 95.0
_WIDEBAND_SCALE: Final = 1.29
_UNNOTICED_DELAY_MS: Final = 100.0


@dataclass(frozen=True, slots=True)
class CodecQuality:
    """What one codec does to speech, by ITU-T G.113.

    impairment: Ie, without packet loss. robustness: Bpl, in percent; the more, the less a lost packet is heard.
    is_wideband: both are on the scale of G.107.1.
    """

    impairment: float
    robustness: float
    is_wideband: bool = False


G711: Final = CodecQuality(impairment=0.0, robustness=25.1)
"""G.711 whose lost packets are concealed as by its Appendix I."""
G722: Final = CodecQuality(impairment=13.0, robustness=4.3, is_wideband=True)
"""G.722 at 64 kbit/s, on the scale of G.107.1.

The impairment could not be checked against G.113's own table; a planning guide (Mitel, MX-ONE, "Speech Compression
Impairment") has 14, which is 0.01 of an opinion score less. Of robustness, Table IV.4 of G.113 (09/2024) is known to
have three values, all of AMR-WB: 4.3, 4.6 and 4.9, without bursts. This is the least of them, and what G.711 has
without any concealment, so that the estimate is too low rather than too high where packets are lost.
"""

CODECS: Final[Mapping[str, CodecQuality]] = {
    "ulaw": G711,
    "alaw": G711,
    "g722": G722,
    "g729": CodecQuality(impairment=11.0, robustness=19.0),
    "g723": CodecQuality(impairment=15.0, robustness=16.1),
}
"""The codecs that G.113 has values for (Appendices I and IV), by Asterisk's names; for Opus it has none.

That of G.729 is of G.729A with voice activity detection (Tables I.1 and I.2).
"""


def rating(codec: CodecQuality, *, loss_percent: float = 0.0, burst_ratio: float = 1.0, delay_ms: float = 0.0) -> float:
    """Return the transmission rating R, 0 to 93.2 or, for wideband, 0 to 129.

    loss_percent: of the packets, 0 to 100; G.107 was tried up to 20. burst_ratio: mean number of packets lost in a row,
    relative to that of random loss; what is out of G.107's range, 1 to 8, is taken for its end. delay_ms: one way.
    """
    burst_ratio = min(max(burst_ratio, 1.0), 8.0)
    by_loss = (_IE_MAX - codec.impairment) * loss_percent / (loss_percent / burst_ratio + codec.robustness)
    best = R_WIDEBAND if codec.is_wideband else R_NARROWBAND
    return max(0.0, best - _impairment_by_delay(delay_ms) - codec.impairment - by_loss)


def mos(rating: float, *, is_wideband: bool = False) -> float:
    """Return the estimated mean opinion score (MOS-CQE) of a rating: 1 (bad) to 4.5."""
    r = rating / _WIDEBAND_SCALE if is_wideband else rating
    if r >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def _impairment_by_delay(delay_ms: float) -> float:
    """Return Idd of G.107 (7-27): what a delay costs although nothing echoes."""
    if delay_ms <= _UNNOTICED_DELAY_MS:
        return 0.0
    x = math.log2(delay_ms / _UNNOTICED_DELAY_MS)
    return 25 * (math.pow(1 + x**6, 1 / 6) - 3 * math.pow(1 + (x / 3) ** 6, 1 / 6) + 2)
