"""The user's audio, cut anywhere, is one stream to the agent."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls.web.user_audio import BYTES_PER_SAMPLE, UserAudio
from ari_agent.contract.registered_call import AudioFormat
from tests.fakes.sound import silence, tone, ulaw_encode

WEB = AudioFormat(audio_websocket_protocol="web", audio_encoding="s16le", sample_rate=8000)
ULAW = AudioFormat(audio_websocket_protocol="twilio", audio_encoding="mulaw", sample_rate=8000)
SPEECH = tone(440, 0.08).astype("<i2").tobytes()


@given(st.sampled_from([WEB, ULAW]), st.binary(max_size=2000), st.lists(st.integers(0, 2000), max_size=20))
def test_where_messages_are_cut_makes_no_difference(audio: AudioFormat, said: bytes, cuts: list[int]) -> None:
    voice = UserAudio(audio, agent_encoding=audio.audio_encoding, agent_hz=8000, speech_dbfs=-50.0)
    edges = [0, *sorted(min(cut, len(said)) for cut in cuts), len(said)]
    pieces = [piece for start, end in itertools.pairwise(edges) for piece in voice.hear(said[start:end])]
    size = 160 * BYTES_PER_SAMPLE[audio.audio_encoding]
    assert [len(piece) for piece in pieces] == [size] * (len(said) // size)
    assert b"".join(pieces) == said[: len(said) - len(said) % size]


@pytest.mark.parametrize("chunk", [2, 256, 320, 4096, 100_000])
def test_speech_is_found_and_silence_is_not(chunk: int) -> None:
    voice = UserAudio(WEB, agent_encoding="s16le", agent_hz=8000, speech_dbfs=-50.0)
    for said, expected in ((silence(0.08).tobytes(), False), (SPEECH, True), (silence(0.08).tobytes(), False)):
        spoke = False
        for start in range(0, len(said), chunk):
            list(voice.hear(said[start : start + chunk]))
            spoke = spoke or voice.spoke
        assert spoke is expected
    assert voice.dbfs < -60


@pytest.mark.parametrize(("audio", "said"), [(WEB, SPEECH), (ULAW, ulaw_encode(tone(440, 0.08)))])
def test_a_muted_user_is_silent_to_the_agent(audio: AudioFormat, said: bytes) -> None:
    voice = UserAudio(audio, agent_encoding="s16le", agent_hz=8000, speech_dbfs=-50.0)
    heard = b"".join(voice.hear(said, muted=True))
    assert heard == bytes(len(heard))
    assert len(heard) == len(SPEECH)
    assert voice.spoke


@pytest.mark.parametrize("chunk", [160, 320, 2560])
def test_speech_is_timed_by_where_it_is_in_a_message(chunk: int) -> None:
    """now_s is when the last sample of a message was spoken."""
    voice = UserAudio(WEB, agent_encoding="s16le", agent_hz=8000, speech_dbfs=-50.0)
    edges: list[tuple[bool, int]] = []
    voice.speech.on_edge = lambda speaks, at_s: edges.append((speaks, round(at_s * 1000)))
    said = silence(0.08).tobytes() + SPEECH + silence(0.16).tobytes()
    for start in range(0, len(said), chunk):
        list(voice.hear(said[start : start + chunk], now_s=(start + chunk) / 16000))
    assert edges == [(True, 80), (False, 160)]


def test_the_limit_of_speech_follows_the_users_noise() -> None:
    voice = UserAudio(WEB, agent_encoding="s16le", agent_hz=8000, speech_dbfs=-50.0)
    for _ in range(3):
        list(voice.hear(tone(440, 0.08, level_dbfs=-30.0).astype("<i2").tobytes()))
        voice.measure_level()
    edges: list[bool] = []
    voice.speech.on_edge = lambda speaks, _at_s: edges.append(speaks)
    list(voice.hear(tone(440, 0.08, level_dbfs=-30.0).astype("<i2").tobytes()))
    assert edges == []
    list(voice.hear(tone(440, 0.08, level_dbfs=-5.0).astype("<i2").tobytes()))
    assert edges == [True]
