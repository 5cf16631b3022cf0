"""A beep is known when it has ended; other tones are none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ari_agent.calls.media.beep_detector import BeepDetector
from tests.fakes.sound import Samples, level_dbfs, noise, silence, tone


def beeps_ms(*parts: Samples) -> Sequence[int]:
    """When each beep was known, in ms from the start."""
    detector = BeepDetector()
    pcm = np.concatenate(parts)
    frames = [pcm[start : start + 160] for start in range(0, len(pcm) - 159, 160)]
    return [
        (index + 1) * 20
        for index, frame in enumerate(frames)
        if detector.hear(frame.astype(np.float64), is_loud=level_dbfs(frame) > -42)
    ]


@pytest.mark.parametrize("frequency_hz", [460.0, 500.0, 700.0, 1000.0, 1400.0, 1990.0])
@pytest.mark.parametrize("seconds", [0.32, 0.5, 1.5])
def test_a_steady_tone_with_silence_behind_it_is_a_beep(frequency_hz: float, seconds: float) -> None:
    (known_ms,) = beeps_ms(noise(1.0), silence(0.21), tone(frequency_hz, seconds), silence(1.0))
    assert known_ms == pytest.approx(1210 + seconds * 1000 + 60, abs=20)


def test_a_soft_beep_in_noise_is_a_beep() -> None:
    beep = np.concatenate([silence(0.5), tone(1000.0, 0.5, level_dbfs=-30.0), silence(0.5)])
    assert len(beeps_ms((beep + noise(1.5, level_dbfs=-50.0)).astype(np.int16))) == 1


def test_a_beep_straight_after_another_tone_is_a_beep() -> None:
    assert len(beeps_ms(tone(700.0, 0.2), tone(1000.0, 0.4), silence(0.5))) == 1


def two(one_hz: float, other_hz: float, seconds: float) -> Samples:
    return (tone(one_hz, seconds, level_dbfs=-13.0) + tone(other_hz, seconds, level_dbfs=-13.0)).astype(np.int16)


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(tone(1000.0, 0.2), id="too short"),
        pytest.param(tone(1000.0, 2.0), id="too long"),
        pytest.param(tone(300.0, 0.5), id="too low"),
        pytest.param(tone(2200.0, 0.5), id="too high"),
        pytest.param(tone(425.0, 1.0), id="ringing, most of the world"),
        pytest.param(two(440.0, 480.0, 1.9), id="ringing, North America"),
        pytest.param(two(480.0, 620.0, 0.5), id="busy, North America"),
        pytest.param(two(400.0, 450.0, 0.4), id="ringing, Britain"),
        pytest.param(two(770.0, 1336.0, 0.5), id="the key 5"),
        pytest.param(noise(0.5), id="noise"),
        pytest.param(silence(1.0), id="silence"),
        pytest.param(np.concatenate([tone(1000.0, 0.5), noise(0.5)]), id="a tone that sound follows"),
        pytest.param(np.concatenate([tone(f, 0.1) for f in (500.0, 700.0, 900.0, 1100.0)]), id="a melody"),
    ],
)
def test_another_sound_is_no_beep(sound: Samples) -> None:
    assert beeps_ms(silence(0.3), sound, silence(0.5)) == []
