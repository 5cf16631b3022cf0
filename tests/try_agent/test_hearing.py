"""Where there is sound, at 8 kHz."""

from __future__ import annotations

import numpy as np

from ari_agent.try_agent.hearing import first_sound, last_sound, sounding_ms
from tests.fakes.sound import silence, tone

HEARD = np.concatenate([silence(0.1), tone(500, 0.2), silence(0.3), tone(500, 0.02), silence(0.1)])


def test_sound_is_found_between_silence() -> None:
    assert first_sound(HEARD, 0) == 800
    assert first_sound(HEARD, 2400) == 4800
    assert last_sound(HEARD, 0) == 4960
    assert last_sound(HEARD[:4000], 0) == 2400
    assert sounding_ms(HEARD, 0) == 220
    assert sounding_ms(HEARD, 2400) == 20


def test_silence_noise_and_nothing_have_no_sound() -> None:
    hiss = np.random.default_rng(1).normal(0, 100, 8000).astype(np.int16)
    for heard in (silence(1.0), hiss, silence(0), HEARD[:100]):
        assert first_sound(heard, 0) is last_sound(heard, 0) is None
        assert sounding_ms(heard, 0) == 0
    assert first_sound(HEARD, len(HEARD)) is None
