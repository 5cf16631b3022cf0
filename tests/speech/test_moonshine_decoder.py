"""What Moonshine makes of speech, of noise and of what goes on for long, in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.decoder import NOTHING
from ari_agent.speech.moonshine_decoder import FILES, MoonshineDecoder, MoonshineModel, repeats_itself
from ari_agent.speech.moonshine_recognizer import packaged_model
from ari_agent.speech.smart_turn import SmartTurn
from tests.speech.speaking import BARGE, MS_BYTES, TRANSFER, YES, speech

HALF_A_SECOND = bytes(500 * MS_BYTES)


@pytest.fixture(scope="module")
def model() -> MoonshineModel:
    folder = packaged_model()
    assert folder, "pip install 'ari-agent[speech]'"
    return MoonshineModel(folder)


@pytest.fixture
def decoder(model: MoonshineModel) -> MoonshineDecoder:
    return model.make()


def heard(decoder: MoonshineDecoder, pcm: bytes) -> str:
    decoder.begin()
    for start in range(0, len(pcm), 3200):
        decoder.feed(pcm[start : start + 3200])
    return decoder.end().text


def plain(text: str) -> str:
    return "".join(each for each in text.lower() if each.isalpha() or each == " ")


@pytest.mark.parametrize(("file", "said"), [YES, TRANSFER, BARGE])
def test_what_is_said_is_understood(decoder: MoonshineDecoder, file: str, said: str) -> None:
    assert plain(heard(decoder, speech(file))) == said


@pytest.mark.parametrize("seconds", [1, 2, 5])
@pytest.mark.parametrize("loudness", [0, 30, 300, 1000, 3000])
def test_noise_and_silence_are_nothing(decoder: MoonshineDecoder, loudness: int, seconds: int) -> None:
    noise = np.random.default_rng(0).standard_normal(seconds * 16000) * loudness
    assert heard(decoder, noise.astype("<i2").tobytes()) == ""


def test_a_click_is_not_asked_about(decoder: MoonshineDecoder) -> None:
    assert heard(decoder, HALF_A_SECOND + b"\xff\x7f\x00\x80" * 100 + HALF_A_SECOND) == ""


def test_nothing_of_an_utterance_is_in_the_next(decoder: MoonshineDecoder) -> None:
    decoder.begin()
    decoder.feed(speech(TRANSFER[0]))
    decoder.drop()
    assert plain(heard(decoder, speech(YES[0]))) == "yes"


class Counting:
    """A model that counts how often it is asked."""

    def __init__(self, model: MoonshineModel) -> None:
        self._model, self.asked = model, 0

    def text(self, pcm: bytes, gives_up: Callable[[], bool] = lambda: False) -> str | None:
        self.asked += 1
        return self._model.text(pcm, gives_up)


def never() -> bool:
    return False


def test_what_is_decoded_ahead_in_a_silence_is_the_text_where_nothing_more_is_said(model: MoonshineModel) -> None:
    counting = Counting(model)
    ahead = MoonshineDecoder(cast(MoonshineModel, counting))
    ahead.feed(speech(TRANSFER[0])[: -300 * MS_BYTES])
    for _ in range(3):
        ahead.decode_ahead(never)
        assert counting.asked == 1
        ahead.feed(bytes(100 * MS_BYTES))
    assert plain(ahead.end().text) == TRANSFER[1]
    assert counting.asked == 1


def test_what_is_decoded_ahead_is_lost_where_the_caller_goes_on_or_the_utterance_is_dropped(
    model: MoonshineModel,
) -> None:
    counting = Counting(model)
    ahead = MoonshineDecoder(cast(MoonshineModel, counting))
    ahead.feed(speech(YES[0]))
    ahead.decode_ahead(never)
    ahead.feed(speech(TRANSFER[0]))
    text = plain(ahead.end().text)
    assert text.startswith("yes")
    assert text.endswith(TRANSFER[1])
    ahead.feed(speech(YES[0]))
    ahead.decode_ahead(never)
    ahead.drop()
    assert plain(heard(ahead, speech(TRANSFER[0]))) == TRANSFER[1]


class Judge:
    """In place of a model of turns: it hears whether much was said."""

    def __init__(self) -> None:
        self.heard_ms = 0

    def is_done(self, pcm: bytes) -> bool:
        self.heard_ms = len(pcm) // MS_BYTES
        return self.heard_ms >= 8000


def test_that_a_voice_sounds_unfinished_is_told_with_its_text(model: MoonshineModel) -> None:
    judge = Judge()
    decoder = MoonshineDecoder(model, cast(SmartTurn, judge))
    decoder.feed(speech(YES[0]))
    assert decoder.end().is_unfinished
    decoder.begin()
    for _ in range(12):
        decoder.feed(speech(BARGE[0]))
    assert not decoder.end().is_unfinished
    assert judge.heard_ms == 8000  # of all, its end
    decoder.begin()
    decoder.feed(bytes(500 * MS_BYTES))
    assert decoder.end() == NOTHING


def test_what_is_decoded_ahead_is_left_for_what_is_more_urgent(model: MoonshineModel) -> None:
    counting = Counting(model)
    ahead = MoonshineDecoder(cast(MoonshineModel, counting))
    ahead.feed(speech(TRANSFER[0]))
    answers = iter((False, False, True))
    ahead.decode_ahead(lambda: next(answers))
    assert next(answers, None) is None  # it was not asked again
    assert plain(ahead.end().text) == TRANSFER[1]
    assert counting.asked == 2


def test_nothing_is_decoded_ahead_while_the_caller_speaks(model: MoonshineModel) -> None:
    counting = Counting(model)
    ahead = MoonshineDecoder(cast(MoonshineModel, counting))
    ahead.decode_ahead(never)
    ahead.feed(speech(TRANSFER[0])[: 800 * MS_BYTES])
    ahead.decode_ahead(never)
    assert counting.asked == 0


def test_long_speech_is_text_before_it_ends(decoder: MoonshineDecoder) -> None:
    decoder.begin()
    for _ in range(12):
        decoder.feed(speech(BARGE[0]))
    so_far = decoder.so_far()
    assert plain(so_far).startswith(BARGE[1])
    whole = decoder.end().text
    assert whole.startswith(so_far)
    assert len(whole) > len(so_far)
    assert plain(whole).count("question") == pytest.approx(12, abs=2)


@pytest.mark.parametrize(
    ("tokens", "is_loop"),
    [
        ([], False),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], False),
        ([7] * 8, False),
        ([1, 2] + [7] * 9, True),
        ([1, 2, 3] * 3, True),
        ([9, *([1, 2, 3, 4] * 3)], True),
        ([1, 2, 3, 4, 1, 2, 3, 4], False),
        (list(range(10)) * 3, True),
    ],
)
def test_what_repeats_itself_at_its_end(tokens: list[int], is_loop: bool) -> None:
    assert repeats_itself(tokens) is is_loop


def test_a_folder_without_a_model_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SpeechUnavailable, match=r"has no encoder_model\.ort; it needs encoder_model\.ort, decoder"):
        MoonshineModel(tmp_path)
    for file in FILES:
        (tmp_path / file).write_bytes(b"no model")
    with pytest.raises(SpeechUnavailable, match="is no Moonshine model"):
        MoonshineModel(tmp_path)
