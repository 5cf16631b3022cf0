"""What depends on what is installed; the rest of it is opened in test_app.py, with a whole controller."""

from __future__ import annotations

import sys

import pytest

from ari_agent.services import opened_voice_ends


def test_voice_activity_is_there_where_it_is_installed() -> None:
    with opened_voice_ends() as ends:
        assert ends is not None


def test_without_it_the_level_tells_turns_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with caplog.at_level("INFO"), opened_voice_ends() as ends:
        assert ends is None
    assert "the level alone tells when a caller's speech ended" in caplog.text
