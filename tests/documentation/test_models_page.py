"""docs/models-and-voices.md names settings that there are, with values that they take."""

from __future__ import annotations

import re
from typing import Any, Final, get_args

import pytest

from ari_agent.config import PREFIX, Settings
from ari_agent.demo.settings import PORTS
from ari_agent.speech import elevenlabs_synthesizer, openai_synthesizer, piper_synthesizer, wyoming_synthesizer
from ari_agent.speech.providers import SpeechToText, TextToSpeech
from ari_agent.speech.voice_name import VoiceRefused
from tests.documentation.pages import PAGES, ROOT

PAGE: Final = (ROOT / "docs" / "models-and-voices.md").read_text()
BLOCKS: Final = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
OF_CHANNELS: Final = {"CALL_ID", "DISCONNECTION_REASON", "REFER_TO", "STASIS", "ARGUMENTS"}
OF_THE_DIALPLAN: Final = {"APPS", "CLAIM_MS"}
OF_THE_PAIRS: Final = {"ASTERISKS", "CALLERS", "KAMAILIO_FOLDER", "KAMAILIO_LISTEN", "POSTGRESQL_PASSWORD"}
OF_THE_DEMO: Final = {
    "DEMO_RUNNING",
    "SIP_BIND",
    "SIP_WSS_BIND",
    "SIP_RTP_PORTS",
    "SOFTPHONE_ACCOUNT",
    "SOFTPHONE_PASSWORD",
}
_NAME: Final = re.compile(rf"\b{PREFIX}([A-Z0-9_]*[A-Z0-9])")


def assigned(block: str) -> dict[str, Any]:
    """The settings that a block of shell commands gives values to."""
    found = re.findall(rf"\b{PREFIX}([A-Z_]+)=(\S+)", block)
    return {name.lower(): value for name, value in found}


def test_every_page_names_settings_that_there_are() -> None:
    known = {name.upper() for name in Settings.model_fields} | {name.upper() for name, _ in PORTS.values()}
    for page in PAGES:
        if page.name != "CHANGELOG.md":  # which tells of old ones
            named = {name for name in _NAME.findall(page.read_text()) if not name.startswith("HDR_")}
            assert named - known - OF_CHANNELS - OF_THE_DIALPLAN - OF_THE_PAIRS - OF_THE_DEMO == set(), page.name


@pytest.mark.parametrize("block", [block for block in BLOCKS if assigned(block)], ids=lambda block: block[:30])
def test_the_values_in_its_commands_are_taken(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = assigned(block)
    for name, value in {"ari_password": "x", "api_key": "k" * 20, **given}.items():
        monkeypatch.setenv(PREFIX + name.upper(), value)
    settings = Settings(_env_file=None)
    kept = {name: getattr(settings, name) for name in given}
    shown = {
        name: value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
        for name, value in kept.items()
    }
    assert shown == given


def test_each_provider_has_its_place() -> None:
    elsewhere = {"auto", "none", "moonshine", "grammar", "flite"}
    for provider in {*get_args(SpeechToText), *get_args(TextToSpeech)} - elsewhere:
        assert re.search(rf"=({provider})\b|`{provider}-", PAGE), provider


def test_the_voices_that_it_names_are_known_to_their_providers() -> None:
    assert [openai_synthesizer.voice_name(name) for name in ("openai-Alloy", "openai-Coral", "af_heart")] == [
        "alloy",
        "coral",
        "af_heart",
    ]
    assert openai_synthesizer.voice_name("af_bella+af_sky") == "af_bella+af_sky"
    assert piper_synthesizer.voice_name("piper-en_US-lessac-medium", ["en_US-lessac-medium"])
    assert wyoming_synthesizer.voice_name("wyoming-default") is None
    with pytest.raises(VoiceRefused, match="library"):
        elevenlabs_synthesizer.voice_name("11labs-Adrian")
