"""Where a voice ended in a sound that is heard from behind; real voices, and detectors that say what the test wants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.media.sound import Sound
from ari_agent.speech.silero import SileroDetector
from ari_agent.speech.voice_activity import RATE_HZ, WINDOW_BYTES, VoiceDetector
from ari_agent.speech.voice_end import since_voice_s
from tests.fakes.noise_after_voice import NOISES, noise_of, voice
from tests.fakes.sound import Samples, silence, ulaw_encode

WITHIN_S = 0.1
"""Of what is in tests/data, here; of other voices and noises see tests/benchmarks/README.md."""
LEAD = "--"
"""What is played forwards first, and not looked at."""


class Script:
    """A detector that has a line for each time that it is opened: x is voice, X surely voice."""

    def __init__(self, *lines: str) -> None:
        self._lines = iter(lines)
        self.heard = 0
        self._says = iter("")

    def open(self) -> Script:
        self._says = iter(next(self._lines))
        return self

    def hear(self, pcm: bytes) -> Sequence[float]:
        assert len(pcm) % WINDOW_BYTES == 0
        count = len(pcm) // WINDOW_BYTES
        self.heard += count
        return [{"x": 0.8, "X": 0.99}.get(next(self._says, "."), 0.1) for _ in range(count)]


def windows(count: int) -> list[bytes]:
    return [bytes(WINDOW_BYTES)] * count


@pytest.mark.parametrize(
    ("backward", "forward", "windows_since"),
    [
        (LEAD + "xxxx", "", 0),
        (LEAD + "....", "", None),
        (LEAD + ".xxxx", "", 0),
        (LEAD + "....xxxx", "", 2),
        (LEAD + "......xxxx", "", 4),
        (LEAD + "......xxxx", "xxxxXXXXXx", 4),
        (LEAD + "......xxxx", "xxxxXXXXXX", 0),
        (LEAD + "xxx.xxx.xxxx", "", 6),
        (LEAD + "xxx.xxx.xx.", "", None),
    ],
    ids=[
        "a voice to the end",
        "no voice",
        "a window before the detector is sure belongs to the voice",
        "two windows before that do",
        "a voice, then something else",
        "and it does not sound like voice to the end",
        "which is voice, as the detector knows that comes from its beginning",
        "clicks behind a voice",
        "clicks alone",
    ],
)
def test_a_voice_is_four_windows_in_a_row(backward: str, forward: str, windows_since: int | None) -> None:
    found = since_voice_s(windows(len(backward) - len(LEAD)), Script(backward, forward))
    assert found == (None if windows_since is None else pytest.approx(windows_since * 0.032))


def test_no_more_is_heard_than_it_takes() -> None:
    detector = Script(LEAD + "xxxx")
    given = iter([bytes(4 * WINDOW_BYTES)] * 9)
    assert since_voice_s(given, detector) == 0.0
    assert len(list(given)) == 8
    assert detector.heard == 2 + 4


@given(st.lists(st.integers(0, 3 * WINDOW_BYTES // 2).map(lambda half: 2 * half), max_size=12))
def test_pieces_may_be_of_any_length(sizes: list[int]) -> None:
    whole = sum(sizes) // WINDOW_BYTES
    script = LEAD + "..........xxxx"
    found = since_voice_s([bytes(size) for size in sizes], Script(script, ""))
    assert found == (pytest.approx(8 * 0.032) if whole >= 14 else None)


@pytest.fixture(scope="module")
def silero() -> VoiceDetector:
    return SileroDetector()


def kept(pcm: Samples, rate_hz: int = 8000) -> Sound:
    """The last 2 s, from a line of mu-law, or of s16le where the rate is higher."""
    latest = np.concatenate((silence(2.0, rate_hz=rate_hz), pcm))[-2 * rate_hz :]
    size, is_linear = rate_hz // 50, rate_hz != 8000
    pieces = [latest[start : start + size] for start in range(0, len(latest), size)]
    octets = [piece.astype("<i2").tobytes() if is_linear else ulaw_encode(piece) for piece in pieces]
    return Sound(octets, 0.0, is_linear=is_linear, rate_hz=rate_hz)


@pytest.mark.parametrize("name", ["rms_barge.wav", "slt_no_thank_you.wav", "../audio/slt_hours.wav"])
@pytest.mark.parametrize("kind", sorted(NOISES))
def test_noise_behind_a_voice_is_none_of_it(silero: VoiceDetector, name: str, kind: str) -> None:
    for seconds in (0.4, 1.0):
        sound = kept(np.concatenate((voice(name), noise_of(kind, seconds, level=-38.0))))
        found = since_voice_s(sound.backward(RATE_HZ), silero)
        assert found == pytest.approx(seconds, abs=WITHIN_S)


@pytest.mark.parametrize("kind", sorted(NOISES))
def test_noise_alone_is_no_voice(silero: VoiceDetector, kind: str) -> None:
    assert since_voice_s(kept(noise_of(kind, 2.0)).backward(RATE_HZ), silero) is None


@pytest.mark.parametrize("name", ["rms_barge.wav", "slt_no_thank_you.wav", "rms_transfer_agent.wav"])
@pytest.mark.parametrize("after_s", [0.0, 0.06])
def test_a_voice_to_the_end_is_one(silero: VoiceDetector, name: str, after_s: float) -> None:
    found = since_voice_s(kept(np.concatenate((voice(name), silence(after_s)))).backward(RATE_HZ), silero)
    assert found == pytest.approx(after_s, abs=WITHIN_S)


@pytest.mark.parametrize("rate_hz", [16000, 24000, 48000])
def test_it_is_found_at_each_sample_rate(silero: VoiceDetector, rate_hz: int) -> None:
    pcm = np.repeat(np.concatenate((voice("rms_barge.wav"), noise_of("keys", 0.6, level=-38.0))), rate_hz // 8000)
    assert since_voice_s(kept(pcm, rate_hz).backward(RATE_HZ), silero) == pytest.approx(0.6, abs=WITHIN_S)
