"""Whether a caller is done, by the voice. With $SMART_TURN_MODEL the real model hears it, in its worker process."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.moonshine_recognizer import MoonshineListening, MoonshineRecognizer
from ari_agent.speech.smart_turn import features
from tests.fakes.flite import speech as flite_speech
from tests.speech.speaking import Ear, say

MODEL = os.environ.get("SMART_TURN_MODEL")


def tone(hz: float, seconds: float) -> bytes:
    sound = 8000 * np.sin(2 * np.pi * hz * np.arange(int(16000 * seconds)) / 16000)
    return sound.astype("<i2").tobytes()


@pytest.mark.parametrize(("hz", "band"), [(200, 4), (1000, 26), (4000, 62)])
def test_a_tone_is_loudest_in_its_band_of_mel_at_the_end_of_the_window(hz: float, band: int) -> None:
    heard = features(tone(hz, 1))
    assert heard.shape == (80, 800)
    assert heard[:, 750].argmax() == band
    assert heard[:, 600].max() < heard[band, 750] - 1.9  # silence goes before it: 80 dB less, by four


def test_of_a_long_speech_the_last_eight_seconds_are_heard() -> None:
    assert (features(tone(500, 4) + tone(1000, 8)) == features(tone(1000, 8))).all()


async def test_a_file_that_is_no_model_says_so_at_start(tmp_path: Path) -> None:
    file = tmp_path / "turn.onnx"
    file.write_text("no model")
    made = MoonshineRecognizer(MoonshineListening(smart_turn=file, workers=1))
    with pytest.raises(SpeechUnavailable, match=r"ARI_AGENT_SMART_TURN_MODEL=.*turn\.onnx is no Smart Turn model: "):
        await made.start()
    await made.close()


@pytest.mark.skipif(not MODEL, reason="needs a Smart Turn model in $SMART_TURN_MODEL")
async def test_the_real_model_hears_that_a_caller_is_not_done() -> None:
    made = MoonshineRecognizer(MoonshineListening(smart_turn=Path(MODEL or ""), workers=1, final_timeout_s=60))
    await made.start()
    ear = Ear()
    recognition = ear.listen(made)
    for text in ("Transfer me to an agent.", "I would like to order a pizza, and"):
        await say(recognition, flite_speech(text, "rms").tobytes())
    await ear.finals_of(2)
    assert [heard.is_unfinished for heard in ear.finals] == [False, True]
    await made.close()
