"""Speech on this machine for the demo's controller: Moonshine listens, flite speaks; no account, no network."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final

from ari_agent.demo.installer import cache_folder, run_install
from ari_agent.demo.pbx_errors import PbxError
from ari_agent.speech.moonshine_recognizer import packaged_model

VOICE_ID: Final = "flite-slt"
FREE_SPEECH: Final = "moonshine"
"""The value of SPEECH_TO_TEXT that understands whatever is said."""
_MENU: Final = "grammar"
_HOW: Final = "pip install 'ari-agent[demo]'"


class NoLocalSpeech(Exception):
    """This machine has no speech. The text says what is missing, and what to do."""


async def local_speech() -> Mapping[str, str]:
    """Return the settings of a controller that listens and speaks by itself, without their prefix.

    Moonshine listens, or a grammar of a few words where only pocketsphinx is installed. flite is this machine's, or
    unpacked into the cache folder by docker/install.sh.

    Raises:
        NoLocalSpeech: a package or flite is missing.
    """
    listens = FREE_SPEECH if packaged_model() else _MENU if find_spec("pocketsphinx") else None
    if listens is None or find_spec("onnxruntime") is None:
        missing = "onnxruntime" if listens else "moonshine-voice"
        raise NoLocalSpeech(f"{missing} is not installed: {_HOW}")
    try:
        flite = await run_install("flite", cache=cache_folder())
    except PbxError as error:
        raise NoLocalSpeech(f"flite is not there: {error}, or apt-get install flite") from None
    return {"SPEECH_TO_TEXT": listens, "TEXT_TO_SPEECH": "flite", "FLITE": flite.strip()}


def no_prompts(speech: Mapping[str, str]) -> str:
    """Return why no agent with a prompt can be talked to with these settings of speech; "" where one can."""
    if speech.get("SPEECH_TO_TEXT") != FREE_SPEECH:
        return f"a grammar understands a few words only, and moonshine-voice is not installed: {_HOW}"
    return "" if find_spec("openai") else f"openai is not installed: {_HOW}"
