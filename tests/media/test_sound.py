"""What was heard lately, from its end to its beginning."""

from __future__ import annotations

import numpy as np
import pytest

from ari_agent.media.audio import linear_to_ulaw
from ari_agent.media.sound import Sound
from tests.fakes.sound import Samples, tone


def frames(pcm: Samples, rate_hz: int, *, is_linear: bool) -> list[bytes]:
    """Of 20 ms."""
    size = rate_hz // 50
    pieces = [pcm[start : start + size].astype("<i2").tobytes() for start in range(0, len(pcm), size)]
    return pieces if is_linear else [linear_to_ulaw(piece) for piece in pieces]


@pytest.mark.parametrize(
    ("rate_hz", "is_linear"),
    [(8000, False), (8000, True), (16000, True), (24000, True), (44100, True), (48000, True)],
)
def test_it_is_heard_backward_in_each_format_of_a_line(rate_hz: int, is_linear: bool) -> None:
    rising = np.concatenate([tone(300.0, 0.4, rate_hz=rate_hz, level_dbfs=level) for level in (-40.0, -20.0)])
    sound = Sound(frames(rising, rate_hz, is_linear=is_linear), 1.0, is_linear=is_linear, rate_hz=rate_hz)
    heard = np.frombuffer(b"".join(sound.backward(16000)), "<i2").astype(float)
    assert len(heard) == pytest.approx(0.8 * 16000, abs=2)
    loud, quiet = (np.sqrt(np.mean(part**2)) for part in (heard[:6000], heard[6800:]))
    assert loud / quiet == pytest.approx(10.0, rel=0.1)
    reversed_tone = tone(300.0, 0.4, rate_hz=16000, level_dbfs=-20.0)[::-1][:6000]
    assert np.corrcoef(heard[:6000], reversed_tone)[0, 1] > 0.99


def test_its_beginning_is_not_converted_where_its_end_is_enough() -> None:
    sound = Sound([bytes(160)] * 100, 1.0, is_linear=False, rate_hz=8000)
    assert len(next(sound.backward(16000))) == pytest.approx(16000, abs=4)


def test_nothing_is_heard_of_nothing() -> None:
    assert list(Sound([], 1.0, is_linear=True, rate_hz=8000).backward(16000)) == []
