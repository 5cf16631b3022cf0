"""From settings to what listens and speaks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ari_agent.errors import ConfigurationError, SpeechUnavailable
from ari_agent.speech.deepgram_recognizer import DeepgramRecognizer
from ari_agent.speech.grammar_recognizer import GrammarRecognizer
from ari_agent.speech.moonshine_recognizer import MoonshineRecognizer
from ari_agent.speech.openai_recognizer import OpenAiRecognizer
from ari_agent.speech.pronunciation import Pronunciation
from ari_agent.speech.providers import SpeechSettings, chosen, recognizer, synthesizer, voices
from ari_agent.speech.speech_cache import SpeechCache
from ari_agent.speech.synthesizer import Voice
from ari_agent.speech.wyoming_recognizer import WyomingRecognizer
from tests.fakes import flite
from tests.fakes.speech_synthesis_server import KEY, OpenAiSpeechServer
from tests.speech.spoken import SENTENCE, check_is_speech, whole


def settings(**given: Any) -> SpeechSettings:
    return SpeechSettings(**given)


def test_without_settings_there_is_neither() -> None:
    assert recognizer(SpeechSettings()) is None
    assert synthesizer(SpeechSettings()) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("openai", OpenAiRecognizer),
        ("deepgram", DeepgramRecognizer),
        ("wyoming", WyomingRecognizer),
        ("moonshine", MoonshineRecognizer),
        ("grammar", GrammarRecognizer),
    ],
)
def test_each_recognizer_by_its_name(name: str, kind: type[object]) -> None:
    made = recognizer(settings(speech_to_text=name, openai_api_key=KEY, deepgram_api_key=KEY))
    assert isinstance(made, kind)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"text_to_speech": "openai"}, "ARI_AGENT_OPENAI_API_KEY is missing"),
        ({"text_to_speech": "elevenlabs"}, "ARI_AGENT_ELEVENLABS_API_KEY is missing"),
        ({"text_to_speech": "openai", "openai_tts_url": "x"}, "ARI_AGENT_OPENAI_TTS_URL must be a URL"),
        ({"text_to_speech": "wyoming", "wyoming_tts_url": "x"}, "ARI_AGENT_WYOMING_TTS_URL must be a URL like tcp://"),
        (
            {"text_to_speech": "festival"},
            "TEXT_TO_SPEECH must be auto, none, openai, elevenlabs, wyoming, piper, flite, not",
        ),
    ],
)
def test_what_is_missing_is_named(given: dict[str, str], says: str) -> None:
    with pytest.raises(SpeechUnavailable, match=says) as raised:
        synthesizer(settings(**given))
    assert isinstance(raised.value, ConfigurationError)


def test_a_recognizer_that_is_unknown_is_named() -> None:
    with pytest.raises(
        SpeechUnavailable,
        match="SPEECH_TO_TEXT must be auto, none, openai, deepgram, wyoming, moonshine, grammar",
    ):
        recognizer(settings(speech_to_text="whisper"))


@pytest.mark.parametrize(
    ("missing", "has_flite", "listens", "speaks"),
    [
        ((), True, "moonshine", "flite"),
        (("moonshine_voice",), True, "grammar", "flite"),
        (("moonshine_voice", "pocketsphinx"), True, "none", "none"),
        (("onnxruntime",), True, "none", "none"),
        ((), False, "none", "none"),
    ],
)
def test_auto_is_what_is_installed(
    monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...], has_flite: bool, listens: str, speaks: str
) -> None:
    for package in missing:
        monkeypatch.setitem(sys.modules, package, None)
    program = flite.program() if has_flite else "/nowhere/flite"
    found = chosen(settings(speech_to_text="auto", text_to_speech="auto", flite=program))
    assert (found.speech_to_text, found.text_to_speech) == (listens, speaks)


@pytest.mark.parametrize(
    ("program", "files", "speaks"),
    [
        ("/bin/sh", ("a.onnx", "a.onnx.json"), "piper"),
        ("/nowhere/piper", ("a.onnx", "a.onnx.json"), "flite"),
        ("/bin/sh", ("a.onnx", "b.onnx.json"), "flite"),
    ],
)
def test_auto_prefers_piper_where_it_has_a_voice(
    program: str, files: tuple[str, ...], speaks: str, tmp_path: Path
) -> None:
    for name in files:
        (tmp_path / name).touch()
    auto = settings(
        speech_to_text="auto", text_to_speech="auto", flite=flite.program(), piper=program, piper_voices=tmp_path
    )
    found = chosen(auto)
    assert found.text_to_speech == speaks
    assert voices(found).refusal([f"{speaks}-a", f"{speaks}-slt"]) is None
    assert f"{speaks} has no voice 'x-y'" in (voices(found).refusal(["x-y"]) or "")


def test_auto_takes_the_part_that_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = chosen(settings(speech_to_text="auto", text_to_speech="elevenlabs"))
    assert (found.speech_to_text, found.text_to_speech) == ("moonshine", "elevenlabs")
    found = chosen(settings(speech_to_text="deepgram", text_to_speech="auto", flite=flite.program()))
    assert (found.speech_to_text, found.text_to_speech) == ("deepgram", "flite")
    with pytest.raises(SpeechUnavailable, match="TEXT_TO_SPEECH is auto, and nothing that is installed here speaks"):
        chosen(settings(speech_to_text="deepgram", text_to_speech="auto", flite="/nowhere/flite"))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(SpeechUnavailable, match=r"SPEECH_TO_TEXT is auto, .* listens: pip install 'ari-agent\[speech"):
        chosen(settings(speech_to_text="auto", text_to_speech="openai"))


def test_none_is_none() -> None:
    for given in ({"speech_to_text": "none"}, {"text_to_speech": "none"}):
        named = {"speech_to_text": "auto", "text_to_speech": "auto", "flite": flite.program()} | given
        found = chosen(settings(**named))
        assert (found.speech_to_text, found.text_to_speech) == ("none", "none")


def test_keys_are_not_shown() -> None:
    shown = repr(settings(openai_api_key=KEY, deepgram_api_key=KEY, elevenlabs_api_key=KEY))
    assert KEY not in shown


async def test_flite_speaks_by_its_settings() -> None:
    made = synthesizer(settings(text_to_speech="flite", flite=flite.program()))
    assert isinstance(made, SpeechCache)
    await made.start()
    check_is_speech(await whole(made.speak(SENTENCE, Voice())), seconds=(2.0, 5.0))
    await made.close()


async def test_openai_speaks_by_its_settings_and_is_asked_once_for_a_greeting() -> None:
    async with OpenAiSpeechServer() as server:
        made = synthesizer(settings(text_to_speech="openai", openai_api_key=KEY, openai_tts_url=server.url))
        assert made is not None
        await made.start()
        for _ in range(2):
            check_is_speech(await whole(made.speak(SENTENCE, Voice("openai-Onyx"))), seconds=(2.0, 5.0))
        assert len(server.asked) == 1
        await made.close()


@pytest.mark.parametrize("name", ["openai", "elevenlabs", "wyoming", "piper", "flite"])
def test_each_synthesizer_says_which_words_it_cannot_pronounce_as_told(name: str) -> None:
    entry = Pronunciation(word="Miller", alphabet="pinyin", phoneme="x")
    refusal = voices(settings(text_to_speech=name)).pronunciation_refusal(Voice(pronunciations=(entry,)))
    assert refusal is not None
    assert "pronunciation_dictionary" in refusal
    assert voices(settings(text_to_speech=name)).pronunciation_refusal(Voice()) is None
