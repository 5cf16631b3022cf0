"""A greeting is heard in any encoding that an agent may have."""

from __future__ import annotations

import numpy as np
import pytest

from ari_agent.calls.media.greeting_listener import Heard
from ari_agent.calls.media.greeting_tap import GreetingTap
from tests.fakes.sound import noise, silence, tone, ulaw_encode


@pytest.mark.parametrize(
    ("encoding", "rate_hz"), [("mulaw", 8000), ("s16le", 8000), ("s16le", 16_000), ("s16le", 22_050), ("s16le", 48_000)]
)
@pytest.mark.parametrize("piece_s", [0.02, 0.03])
def test_what_is_found_out_is_told_and_then_nobody_listens(encoding: str, rate_hz: int, piece_s: float) -> None:
    told: list[Heard] = []
    ends: list[float] = []
    now_s = 0.0
    tap = GreetingTap(encoding=encoding, rate_hz=rate_hz, tell=told.append, end=lambda: ends.append(now_s))
    parts = [noise(3, rate_hz=rate_hz), silence(0.3, rate_hz=rate_hz), tone(1000, 0.4, rate_hz=rate_hz)]
    pcm = np.concatenate([*parts, silence(1, rate_hz=rate_hz)])
    audio = ulaw_encode(pcm) if encoding == "mulaw" else pcm.tobytes()
    size = round(piece_s * rate_hz) * (1 if encoding == "mulaw" else 2)
    for start in range(0, len(audio), size):
        now_s = start / size * piece_s
        tap.hear(audio[start : start + size])
        if ends:
            break
    assert told == [Heard.MACHINE, Heard.GREETING_OVER]
    assert ends == [pytest.approx(3.76, abs=0.06)]
