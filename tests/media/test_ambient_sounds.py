"""The synthesised sounds of places."""

from __future__ import annotations

from typing import Final, get_args

import numpy as np
import pytest

from ari_agent.contract.agent import AgentSettings
from ari_agent.media.ambient_sounds import AMBIENT_SOUNDS, LEVEL_DBFS, LOOP_S, ambient_sound
from ari_agent.media.audio import LINEAR_16K, ULAW, SampleFormat, level_dbfs
from tests.fakes.sound import Samples

LINES: Final = [ULAW, LINEAR_16K]


def samples(name: str, of: SampleFormat = LINEAR_16K) -> Samples:
    return np.frombuffer(of.to_linear(ambient_sound(name, of, 1.0)), "<i2").astype(float)


def test_there_is_a_sound_for_each_place_that_an_agent_may_name() -> None:
    (names, _) = get_args(AgentSettings.model_fields["ambient_sound"].annotation)
    assert set(AMBIENT_SOUNDS) == set(get_args(names))


@pytest.mark.parametrize("of", LINES, ids=["narrowband", "wideband"])
@pytest.mark.parametrize("name", AMBIENT_SOUNDS)
def test_each_is_of_one_loudness_and_never_loud(name: str, of: SampleFormat) -> None:
    sound = samples(name, of)
    assert len(sound) == LOOP_S * of.rate_hz
    pcm = of.to_linear(ambient_sound(name, of, 1.0))
    assert level_dbfs(pcm) == pytest.approx(LEVEL_DBFS, abs=0.1)
    assert np.abs(sound).max() < 0.12 * 32768
    seconds = [level_dbfs(pcm[at : at + 2 * of.rate_hz]) for at in range(0, len(pcm), 2 * of.rate_hz)]
    assert max(seconds) - min(seconds) < 14, "no second is empty, and none stands out"


@pytest.mark.parametrize("name", AMBIENT_SOUNDS)
def test_its_end_leads_into_its_beginning(name: str) -> None:
    sound = samples(name)
    steps = np.abs(np.diff(sound))
    assert abs(sound[0] - sound[-1]) <= steps.max()
    assert np.abs(np.fft.rfft(sound)[np.fft.rfftfreq(len(sound), 1 / 16000) > 3500]).max() < 0.01 * len(sound)


@pytest.mark.parametrize(("volume", "quieter_db"), [(2.0, -6.0), (0.5, 6.0)])
def test_the_volume_multiplies_it(volume: float, quieter_db: float) -> None:
    level = level_dbfs(ambient_sound("static-noise", LINEAR_16K, volume))
    assert level == pytest.approx(LEVEL_DBFS - quieter_db, abs=0.1)


def test_places_differ_as_they_are_said_to() -> None:
    heard_hz = np.fft.rfftfreq(LOOP_S * 16000, 1 / 16000)

    def share(name: str, low_hz: float, high_hz: float) -> float:
        power = np.abs(np.fft.rfft(samples(name))) ** 2
        return float(power[(heard_hz >= low_hz) & (heard_hz < high_hz)].sum() / power.sum())

    assert share("summer-outdoor", 2400, 3400) > 0.4, "cicadas"
    assert share("static-noise", 0, 1700) == pytest.approx(0.5, abs=0.05), "noise of all pitches"
    for voices in ("coffee-shop", "convention-hall", "call-center"):
        assert share(voices, 0, 1000) > 0.8, "where voices are loudest"


def test_an_unknown_place_has_none() -> None:
    with pytest.raises(KeyError):
        ambient_sound("the-moon", ULAW, 1.0)
