"""What agents and numbers may ask to be said to callers who are recorded."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ari_agent.contract.recording import RecordingConsent


@pytest.mark.parametrize(
    "given",
    [
        {"text": "This call is recorded."},
        {"text": "Ce message : l'appel est enregistré."},
        {"file": "consent.wav"},
        {"file": "en/tell them.WAV"},
        {"file": "a.b-c_d.wav", "text": None},
    ],
)
def test_it_is_a_text_or_a_file(given: dict[str, Any]) -> None:
    assert RecordingConsent.model_validate(given).as_json().items() >= {k: v for k, v in given.items() if v}.items()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "either text or file"),
        ({"text": None}, "either text or file"),
        ({"text": "Hello.", "file": "a.wav"}, "either text or file"),
        ({"text": ""}, "must have words"),
        ({"text": " ... 12"}, "must have words"),
        ({"text": "Hello {{name}}"}, "without variables"),
        ({"text": "a" * 1001}, "at most 1000"),
        *(
            ({"file": name}, "must name a .wav file below the folder ARI_AGENT_SOUNDS_DIR")
            for name in (
                "",
                "/etc/a.wav",
                "../a.wav",
                "a/../b.wav",
                "a/./b.wav",
                "a//b.wav",
                ".hidden.wav",
                "a/.b/c.wav",
                "a.mp3",
                "a\\b.wav",
                "a\n.wav",
                "a.wav\n",
                "https://example.com/a.wav",
                "ä.wav",
            )
        ),
    ],
)
def test_everything_else_is_refused_in_words(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        RecordingConsent.model_validate(given)
