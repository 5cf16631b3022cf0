"""What pocketsphinx makes of the utterances, in this process."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.grammar_decoder import DecoderFactory, GrammarDecoder
from tests.speech.speaking import BARGE, MS_BYTES, NO_THANK_YOU, TRANSFER, YES, speech

ANSWERS = "yes\nno\nno thank you\ntransfer me to an agent\nwait stop i have a question\n"


@pytest.fixture(scope="module")
def decoder() -> GrammarDecoder:
    return DecoderFactory(ANSWERS).make()


def heard(decoder: GrammarDecoder, pcm: bytes, *, piece_bytes: int = 3200) -> list[tuple[str, int, int]]:
    decoder.begin()
    for start in range(0, len(pcm), piece_bytes):
        decoder.feed(pcm[start : start + piece_bytes])
    return list(decoder.end().words)


@pytest.mark.parametrize(("file", "said"), [YES, NO_THANK_YOU, TRANSFER, BARGE])
def test_what_the_grammar_foresees_is_understood(decoder: GrammarDecoder, file: str, said: str) -> None:
    assert " ".join(word for word, _, _ in heard(decoder, speech(file))) == said


def test_noise_and_silence_are_nothing(decoder: GrammarDecoder) -> None:
    noise = np.random.default_rng(1).standard_normal(32000) * 800
    assert heard(decoder, noise.astype("<i2").tobytes()) == []
    assert heard(decoder, bytes(32000)) == []
    assert heard(decoder, b"") == []


def test_the_same_audio_has_the_same_result_whatever_came_before_and_however_it_is_cut(decoder: GrammarDecoder) -> None:
    fresh = DecoderFactory(ANSWERS).make()
    first = heard(fresh, speech(TRANSFER[0]))
    noise = np.random.default_rng(1).standard_normal(64000) * 3000
    heard(decoder, noise.astype("<i2").tobytes())
    assert heard(decoder, speech(TRANSFER[0])) == first
    assert heard(decoder, speech(TRANSFER[0]), piece_bytes=640) == first


def test_words_have_their_times(decoder: GrammarDecoder) -> None:
    words = heard(decoder, speech(TRANSFER[0]))
    assert 200 < words[0][1] < 600  # after 0.3 s of silence
    assert all(one[2] <= other[1] for one, other in itertools.pairwise(words))
    assert words[-1][2] <= len(speech(TRANSFER[0])) // 32


def test_a_sentence_that_breaks_off_is_not_understood(decoder: GrammarDecoder) -> None:
    assert heard(decoder, speech(NO_THANK_YOU[0])[: 1200 * MS_BYTES]) == []
    assert decoder.so_far() == "no thank"


def test_a_word_that_is_stretched_over_other_words_is_not_understood() -> None:
    decoder = DecoderFactory("a").make()
    assert heard(decoder, speech(BARGE[0])) == []
    assert decoder.so_far() == "a"


def test_a_grammar_that_pocketsphinx_does_not_take_says_so() -> None:
    broken = "#JSGF V1.0;\ngrammar g;\npublic <a> = yes | (no;"
    with pytest.raises(SpeechUnavailable, match="check its JSGF"):
        DecoderFactory(broken).make()
