"""The recognizer and the synthesizer that the settings name. What a provider needs and lacks is said by name.

`auto` stands for what is installed on this machine: Moonshine, or else a grammar, listens, and Piper, or else flite,
speaks.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeVar

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech import (
    deepgram_recognizer,
    elevenlabs_synthesizer,
    flite_synthesizer,
    openai_recognizer,
    openai_synthesizer,
    piper_synthesizer,
    wyoming_recognizer,
    wyoming_synthesizer,
)
from ari_agent.speech.deepgram_recognizer import DeepgramListening, DeepgramRecognizer
from ari_agent.speech.elevenlabs_synthesizer import ElevenLabsSynthesizer
from ari_agent.speech.flite_synthesizer import FliteSynthesizer
from ari_agent.speech.grammar_recognizer import GrammarListening, GrammarRecognizer
from ari_agent.speech.moonshine_recognizer import MoonshineListening, MoonshineRecognizer, packaged_model
from ari_agent.speech.openai_recognizer import OpenAiListening, OpenAiRecognizer
from ari_agent.speech.openai_synthesizer import OpenAiSynthesizer
from ari_agent.speech.piper_synthesizer import PiperSynthesizer
from ari_agent.speech.recognizer import Recognizer
from ari_agent.speech.speech_cache import SpeechCache
from ari_agent.speech.synthesizer import Synthesizer, Voice
from ari_agent.speech.voices import Voices
from ari_agent.speech.wyoming_recognizer import WyomingListening, WyomingRecognizer
from ari_agent.speech.wyoming_synthesizer import WyomingSynthesizer

SpeechToText = Literal["auto", "none", "openai", "deepgram", "wyoming", "moonshine", "grammar"]
TextToSpeech = Literal["auto", "none", "openai", "elevenlabs", "wyoming", "piper", "flite"]

_Provider = TypeVar("_Provider")


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """As the configuration has them, each without its prefix ARI_AGENT_. Keys and fallback_voice: "" for none.

    grammar: a file, JSGF or a list of phrases; None: a small one of intents that comes with the package.
    piper_voices: the folder of its models; None: there are none.
    moonshine_model: a folder; None: the tiny English model of the package moonshine-voice.
    smart_turn_model: a file, for moonshine; None: only pauses and words tell whether a caller is done.
    """

    speech_to_text: SpeechToText = "none"
    text_to_speech: TextToSpeech = "none"
    openai_api_key: str = field(default="", repr=False)
    openai_stt_url: str = openai_recognizer.DEFAULT_BASE_URL
    openai_tts_url: str = openai_synthesizer.DEFAULT_URL
    openai_stt_model: str = openai_recognizer.DEFAULT_MODEL
    openai_tts_model: str = openai_synthesizer.DEFAULT_MODEL
    deepgram_api_key: str = field(default="", repr=False)
    deepgram_url: str = deepgram_recognizer.DEFAULT_URL
    deepgram_model: str = deepgram_recognizer.DEFAULT_MODEL
    elevenlabs_api_key: str = field(default="", repr=False)
    elevenlabs_url: str = elevenlabs_synthesizer.DEFAULT_URL
    elevenlabs_model: str = elevenlabs_synthesizer.DEFAULT_MODEL
    wyoming_stt_url: str = wyoming_recognizer.DEFAULT_URL
    wyoming_tts_url: str = wyoming_synthesizer.DEFAULT_URL
    piper: str = "piper"
    piper_voices: Path | None = None
    flite: str = "flite"
    fallback_voice: str = ""
    grammar: Path | None = None
    moonshine_model: Path | None = None
    smart_turn_model: Path | None = None


_RECOGNIZERS: Final[Mapping[str, Callable[[SpeechSettings], Recognizer]]] = {
    "openai": lambda given: OpenAiRecognizer(
        OpenAiListening(api_key=given.openai_api_key, base_url=given.openai_stt_url, model=given.openai_stt_model)
    ),
    "deepgram": lambda given: DeepgramRecognizer(
        DeepgramListening(api_key=given.deepgram_api_key, url=given.deepgram_url, model=given.deepgram_model)
    ),
    "wyoming": lambda given: WyomingRecognizer(WyomingListening(url=given.wyoming_stt_url)),
    "moonshine": lambda given: MoonshineRecognizer(
        MoonshineListening(model=given.moonshine_model, smart_turn=given.smart_turn_model)
    ),
    "grammar": lambda given: GrammarRecognizer(GrammarListening(grammar=given.grammar)),
}
_SYNTHESIZERS: Final[Mapping[str, Callable[[SpeechSettings], Synthesizer]]] = {
    "openai": lambda given: OpenAiSynthesizer(
        api_key=given.openai_api_key, base_url=given.openai_tts_url, model=given.openai_tts_model
    ),
    "elevenlabs": lambda given: ElevenLabsSynthesizer(
        api_key=given.elevenlabs_api_key, url=given.elevenlabs_url, model=given.elevenlabs_model
    ),
    "wyoming": lambda given: WyomingSynthesizer(url=given.wyoming_tts_url),
    "piper": lambda given: PiperSynthesizer(program=given.piper, voices=given.piper_voices),
    "flite": lambda given: FliteSynthesizer(program=given.flite),
}


_VOICE_NAMES: Final[Mapping[str, Callable[[SpeechSettings, str | None], str | None]]] = {
    "openai": lambda _, voice_id: openai_synthesizer.voice_name(voice_id),
    "elevenlabs": lambda _, voice_id: elevenlabs_synthesizer.voice_name(voice_id),
    "wyoming": lambda _, voice_id: wyoming_synthesizer.voice_name(voice_id),
    "piper": lambda given, voice_id: piper_synthesizer.voice_name(
        voice_id, piper_synthesizer.voice_names(given.piper_voices)
    ),
    "flite": lambda _, voice_id: flite_synthesizer.voice_name(voice_id),
}


_UNPRONOUNCEABLE: Final[Mapping[str, Callable[[SpeechSettings], Callable[[Voice], str | None]]]] = {
    "openai": lambda _given: openai_synthesizer.unpronounceable,
    "elevenlabs": lambda given: partial(elevenlabs_synthesizer.unpronounceable, model=given.elevenlabs_model),
    "wyoming": lambda _given: wyoming_synthesizer.unpronounceable,
    "piper": lambda _given: piper_synthesizer.unpronounceable,
    "flite": lambda _given: flite_synthesizer.unpronounceable,
}


_HERE: Final = "ARI_AGENT_{} is auto, and nothing that is installed here {}: {}"


def chosen(settings: SpeechSettings) -> SpeechSettings:
    """Return the settings with what `auto` stands for: what is installed here, or `none` for both where one is missing.

    Raises:
        SpeechUnavailable: one of the two is named, and nothing that is installed here can do the other's part.
    """
    listens, speaks = settings.speech_to_text, settings.text_to_speech
    if listens == "auto":
        listens = _who_listens_here(settings)
    if speaks == "auto":
        speaks = _who_speaks_here(settings)
    for found, named, lack in (
        (
            listens,
            settings.text_to_speech,
            _HERE.format("SPEECH_TO_TEXT", "listens", "pip install 'ari-agent[speech]'"),
        ),
        (speaks, settings.speech_to_text, _HERE.format("TEXT_TO_SPEECH", "speaks", "install Debian's package flite")),
    ):
        if found == "none" and named not in {"auto", "none"}:
            raise SpeechUnavailable(lack)
    if "none" in {listens, speaks}:
        listens = speaks = "none"
    return replace(settings, speech_to_text=listens, text_to_speech=speaks)


def _who_speaks_here(settings: SpeechSettings) -> TextToSpeech:
    if shutil.which(settings.piper) and piper_synthesizer.voice_names(settings.piper_voices):
        return "piper"
    return "flite" if shutil.which(settings.flite) else "none"


def _who_listens_here(settings: SpeechSettings) -> SpeechToText:
    if importlib.util.find_spec("onnxruntime") is None:
        return "none"  # nor can voice activity be told
    if settings.moonshine_model or packaged_model():
        return "moonshine"
    return "grammar" if importlib.util.find_spec("pocketsphinx") else "none"


def recognizer(settings: SpeechSettings) -> Recognizer | None:
    """Not started yet; None: calls have no ears.

    Raises:
        SpeechUnavailable: a setting is missing or wrong; `start` raises it for what only shows there.
    """
    return _made(_RECOGNIZERS, settings, "ARI_AGENT_SPEECH_TO_TEXT", settings.speech_to_text)


def synthesizer(settings: SpeechSettings) -> Synthesizer | None:
    """Not started yet, with short texts kept in memory; None: calls have no voice.

    Raises:
        SpeechUnavailable: as `recognizer`.
    """
    made = _made(_SYNTHESIZERS, settings, "ARI_AGENT_TEXT_TO_SPEECH", settings.text_to_speech)
    return SpeechCache(made) if made else None


def voices(settings: SpeechSettings) -> Voices:
    """Return the voices that the synthesizer of these settings can have.

    Raises:
        SpeechUnavailable: the fallback voice is none of them.
    """
    if settings.text_to_speech not in _VOICE_NAMES:
        return Voices()
    name_of = partial(_VOICE_NAMES[settings.text_to_speech], settings)
    if settings.fallback_voice and (why := Voices(name_of).refusal([settings.fallback_voice])):
        raise SpeechUnavailable(f"ARI_AGENT_FALLBACK_VOICE: {why}")
    return Voices(name_of, settings.fallback_voice or None, _UNPRONOUNCEABLE[settings.text_to_speech](settings))


def _made(
    makers: Mapping[str, Callable[[SpeechSettings], _Provider]], settings: SpeechSettings, setting: str, name: str
) -> _Provider | None:
    if name == "none":
        return None
    if name not in makers:
        raise SpeechUnavailable(f"{setting} must be auto, none, {', '.join(makers)}, not {name!r}")
    return makers[name](settings)
