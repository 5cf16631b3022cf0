"""Who was heard, where everybody speaks with a tone of an own frequency: a piece of sound, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tests.fakes.rtp_stream import ULAW, HeardPacket
from tests.fakes.sound import SILENCE_FLOOR_DBFS, Samples, level_dbfs, silence, ulaw_decode

FRAME: Final = 160
"""Samples: 20 ms at 8 kHz."""
LONGEST_LEAP: Final = 80_000
"""Ticks, 10 s: a leap that is longer is a packet out of order."""
LATE_S: Final = 0.1
"""A packet may come so late on a busy machine."""
_SHARE: Final = 0.04  # of a frame's power, from which a tone is in it: another one may be louder


def frames(pcm: Samples) -> list[Samples]:
    """The whole frames of a piece of sound."""
    return [pcm[start : start + FRAME] for start in range(0, len(pcm) - FRAME + 1, FRAME)]


def heard_ms(pcm: Samples, frequency_hz: float) -> int:
    """For how long a tone was heard, alone or with others. Tones that are told apart are 100 Hz apart or more."""
    return sum(20 for frame in frames(pcm) if _has(frame, frequency_hz))


def first_ms(pcm: Samples, frequency_hz: float) -> int | None:
    """When a tone was heard first, in ms from the beginning; None where it was not."""
    return next((20 * index for index, frame in enumerate(frames(pcm)) if _has(frame, frequency_hz)), None)


def longest_silence_ms(pcm: Samples) -> int:
    """The longest silence, counted in samples."""
    longest = silent = 0
    for frame in frames(pcm):
        silent = silent + 20 if level_dbfs(frame) < SILENCE_FLOOR_DBFS else 0
        longest = max(longest, silent)
    return longest


def _has(frame: Samples, frequency_hz: float) -> bool:
    if level_dbfs(frame) < SILENCE_FLOOR_DBFS:
        return False
    signal = frame.astype(np.float64) * np.hanning(len(frame))
    angle = 2j * np.pi * frequency_hz / 8000 * np.arange(len(frame))
    power = abs(np.sum(signal * np.exp(-angle))) ** 2 / len(frame)
    return bool(power / max(1.0, float(np.sum(signal**2))) > _SHARE)


def as_sent(packets: Sequence[HeardPacket]) -> Samples:
    """The sound of a stream with silence where its timestamps leap: what was sent, whatever the network made of it.

    Timestamps of one SSRC do not go on in the next; there a pause in the arrival of packets is silence.
    """
    pieces: list[Samples] = []
    last: HeardPacket | None = None
    for heard in (heard for heard in packets if heard.payload_type == ULAW):
        if last is not None and heard.ssrc == last.ssrc:
            leap = (heard.timestamp - last.timestamp - len(last.payload)) & 0xFFFFFFFF
            pieces.append(silence(leap / 8000 if leap < LONGEST_LEAP else 0))
        elif last is not None and (pause_s := heard.time_s - last.time_s) > LATE_S:
            pieces.append(silence(pause_s))
        pieces.append(ulaw_decode(heard.payload))
        last = heard
    return np.concatenate(pieces) if pieces else silence(0)
