"""The model on speech and on what is none; times are of the audio, never of a clock."""

from __future__ import annotations

import math
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ari_agent.errors import SpeechUnavailable
from ari_agent.media.resampler import Resampler
from ari_agent.speech import silero
from ari_agent.speech.silero import SileroDetector
from ari_agent.speech.voice_activity import VoiceActivity, VoiceChange, VoiceStarted, VoiceStopped

SPEECH = Path(__file__).parents[1] / "data" / "speech"
UTTERANCES = sorted(path.stem for path in SPEECH.glob("*.wav"))
SILENCE_MS = 300

Line = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def detector() -> SileroDetector:
    return SileroDetector()


def utterance(name: str) -> Line:
    """At 8 kHz, with half a second of silence after its own."""
    with wave.open(str(SPEECH / f"{name}.wav")) as file:
        assert file.getframerate() == 8000
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return np.concatenate([samples.astype(np.float64), np.zeros(4000)])


def bounds_ms(line: Line) -> tuple[int, int]:
    """From the first to the last 10 ms that are within 30 dB of the loudest."""
    blocks = line[: len(line) // 80 * 80].reshape(-1, 80)
    level = np.sqrt((blocks**2).mean(axis=1))
    loud = np.flatnonzero(level > level.max() / 10**1.5)
    return int(loud[0]) * 10, int(loud[-1] + 1) * 10


def noise(seconds: float, level: float) -> Line:
    return np.random.default_rng(1).standard_normal(int(seconds * 8000)) * level


def changes(detector: SileroDetector, line: Line, *, piece: int = 640) -> list[VoiceChange]:
    pcm = Resampler(8000, 16000).process(np.clip(line, -32768, 32767).astype("<i2").tobytes())
    activity = VoiceActivity(detector, silence_ms=SILENCE_MS)
    return [change for start in range(0, len(pcm), piece) for change in activity.feed(pcm[start : start + piece])]


def check_one_voice(found: list[VoiceChange], line: Line, *, late_ms: int) -> None:
    began_ms, ended_ms = bounds_ms(line)
    assert [type(change) for change in found] == [VoiceStarted, VoiceStopped]
    assert -40 <= found[0].at_ms - began_ms <= 200  # a soft "h" or "th" is no voice yet
    assert -150 <= found[1].at_ms - ended_ms <= late_ms


def test_there_is_speech_to_test_with() -> None:
    assert len(UTTERANCES) >= 4


@pytest.mark.parametrize("name", UTTERANCES)
def test_an_utterance_is_one_voice_from_its_beginning_to_its_end(name: str, detector: SileroDetector) -> None:
    line = utterance(name)
    check_one_voice(changes(detector, line), line, late_ms=40)


@pytest.mark.parametrize("name", UTTERANCES)
def test_so_it_is_on_a_noisy_line(name: str, detector: SileroDetector) -> None:
    line = utterance(name)
    began_ms, ended_ms = bounds_ms(line)
    voice = line[began_ms * 8 : ended_ms * 8]
    noisy = line + noise(len(line) / 8000, math.sqrt((voice**2).mean()) / 10 ** (15 / 20))
    check_one_voice(changes(detector, noisy), line, late_ms=230)


def test_how_the_audio_was_cut_does_not_matter(detector: SileroDetector) -> None:
    line = utterance("rms_yes")
    expected = changes(detector, line)
    for piece in (1, 333, 1024, 100_000):
        assert changes(detector, line, piece=piece) == expected


def test_calls_do_not_hear_one_another(detector: SileroDetector) -> None:
    pcm = Resampler(8000, 16000).process(utterance("rms_barge").astype("<i2").tobytes())
    alone, beside, other = (VoiceActivity(detector, silence_ms=SILENCE_MS) for _ in range(3))
    expected = [change for start in range(0, len(pcm), 640) for change in alone.feed(pcm[start : start + 640])]
    found: list[VoiceChange] = []
    for start in range(0, len(pcm), 640):
        found += beside.feed(pcm[start : start + 640])
        other.feed(noise(0.04, 5000).astype("<i2").tobytes())
    assert found == expected


def clicks() -> Line:
    line = np.zeros(8000 * 6)
    line[1000::3700] = 30000
    line[1001::3700] = -30000
    return line


def knocks() -> Line:
    line = np.zeros(8000 * 6)
    knock = noise(0.02, 8000) * np.exp(-np.arange(160) / 30)
    for start in range(2000, len(line) - 160, 5000):
        line[start : start + 160] = knock
    return line


def tones(*hz: float) -> Line:
    time_s = np.arange(8000 * 4) / 8000
    sound: Line = sum((6000 * np.sin(2 * math.pi * one * time_s) for one in hz), np.zeros(len(time_s)))
    return sound * (time_s % 1 < 0.5)


@pytest.mark.parametrize(
    "line",
    [
        lambda: np.zeros(8000 * 4),
        lambda: noise(6, 30),
        lambda: noise(6, 3000),
        clicks,
        knocks,
        lambda: tones(770, 1336),  # DTMF 5
        lambda: tones(350, 440),  # dial tone
        lambda: tones(425),
    ],
    ids=["silence", "faint-noise", "loud-noise", "clicks", "knocks", "dtmf", "dial-tone", "busy-tone"],
)
def test_what_is_no_voice_starts_nothing(line: Callable[[], Line], detector: SileroDetector) -> None:
    assert changes(detector, line()) == []


def test_without_onnxruntime_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(SpeechUnavailable, match=r"onnxruntime .*pip install 'ari-agent\[speech\]'"):
        SileroDetector()


def test_a_broken_model_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "silero_vad.onnx"
    broken.write_bytes(silero.MODEL.read_bytes()[:1000])
    monkeypatch.setattr(silero, "MODEL", broken)
    with pytest.raises(SpeechUnavailable, match=r"cannot load silero_vad\.onnx"):
        SileroDetector()


def test_the_licence_is_beside_the_model() -> None:
    assert "Silero Team" in silero.MODEL.with_suffix(".LICENSE").read_text(encoding="utf-8")
