"""An utterance's audio."""

from __future__ import annotations

import numpy as np
import pytest

from ari_agent.speech.utterance import LookBack, Utterance, quiet_end_ms, quietest_cut, voice_ms
from tests.speech.speaking import MS_BYTES, NO_THANK_YOU, YES, speech


def tone(duration_ms: int, level: int = 8000) -> bytes:
    samples = np.sin(np.arange(duration_ms * 16) * 0.2) * level
    return bytes(samples.astype("<i2").data)


def test_the_look_back_is_the_last_half_second() -> None:
    look_back = LookBack()
    for number in range(100):
        look_back.feed(bytes([number]) * 640)
    kept = look_back.take()
    assert len(kept) == 500 * MS_BYTES
    assert kept[-1] == 99
    assert kept[0] == 75
    assert look_back.fed_bytes == 64000
    assert look_back.take() == b""


def test_an_utterance_knows_where_it_is_in_the_stream() -> None:
    utterance = Utterance(1000, bytearray(b"abcdef"))
    assert utterance.unsent() == b"abcdef"
    assert utterance.unsent() == b""
    utterance.audio += b"gh"
    assert utterance.forget(4) == b"abcd"
    assert (utterance.start_bytes, utterance.end_bytes, utterance.sent_bytes) == (1004, 1008, 2)
    assert utterance.unsent() == b"gh"


def test_the_text_is_what_is_final_and_the_draft() -> None:
    assert Utterance(0, bytearray(), said=["I want", "", "to"], draft="book").text == "I want to book"


@pytest.mark.parametrize(
    ("pcm", "expected"),
    [
        (b"", 0),
        (bytes(32000), 0),
        (tone(1000, 40), 0),
        (bytes(32000) + tone(60) + bytes(32000), 60),
        (tone(1000, 300), 1000),
        (tone(200) + tone(800, 500), 200),
    ],
    ids=["nothing", "silence", "line noise", "click", "soft voice", "loud and soft"],
)
def test_voice_is_what_is_loud_beside_the_loudest(pcm: bytes, expected: int) -> None:
    assert voice_ms(pcm) == pytest.approx(expected, abs=20)


@pytest.mark.parametrize("file", [YES[0], NO_THANK_YOU[0]])
def test_short_words_are_voice(file: str) -> None:
    assert voice_ms(speech(file)) >= 240


def test_speech_is_cut_where_it_is_quiet() -> None:
    pcm = tone(5000) + tone(200, 100) + tone(1800)
    assert quietest_cut(pcm, within_ms=3000) == pytest.approx(5100 * MS_BYTES, abs=60 * MS_BYTES)
    assert quietest_cut(pcm, within_ms=1000) > 6000 * MS_BYTES
    assert quietest_cut(tone(40), within_ms=1000) == 40 * MS_BYTES


def test_how_long_it_is_quiet_at_the_end() -> None:
    assert quiet_end_ms(b"") == 0
    assert quiet_end_ms(bytes(300 * MS_BYTES)) == 300
    assert quiet_end_ms(tone(200)) == 0
    assert quiet_end_ms(tone(200) + tone(100, level=300)) == 100
    assert quiet_end_ms(tone(200) + tone(100, level=800)) == 0
    assert quiet_end_ms(tone(200) + bytes(100 * MS_BYTES) + tone(40) + bytes(60 * MS_BYTES)) == 60
