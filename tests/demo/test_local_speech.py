"""Speech on this machine for the demo's controller."""

from __future__ import annotations

from pathlib import Path

import pytest

from ari_agent.demo import local_speech as module
from ari_agent.demo.local_speech import NoLocalSpeech, local_speech, no_prompts


def _installer(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


async def test_flite_is_asked_for_and_its_path_is_a_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = '[ "$1" = flite ] && echo "$ARI_AGENT_CACHE/flite"'
    monkeypatch.setattr("ari_agent.demo.installer.INSTALL", _installer(tmp_path / "install.sh", script))
    monkeypatch.setenv("ARI_AGENT_CACHE", str(tmp_path))
    settings = await local_speech()
    assert settings == {"SPEECH_TO_TEXT": "moonshine", "TEXT_TO_SPEECH": "flite", "FLITE": f"{tmp_path}/flite"}
    assert no_prompts(settings) == ""
    monkeypatch.setattr(module, "packaged_model", lambda: None)
    fallback = await local_speech()
    assert fallback == {**settings, "SPEECH_TO_TEXT": "grammar"}
    assert "moonshine-voice is not installed" in no_prompts(fallback)
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    assert "openai is not installed" in no_prompts(settings)


async def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("ari_agent.demo.installer.INSTALL", _installer(tmp_path / "install.sh", "exit 1"))
    with pytest.raises(NoLocalSpeech, match="apt-get install flite"):
        await local_speech()
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(NoLocalSpeech, match=r"onnxruntime is not installed: pip install 'ari-agent\[demo\]'"):
        await local_speech()
    monkeypatch.setattr(module, "packaged_model", lambda: None)
    with pytest.raises(NoLocalSpeech, match="moonshine-voice is not installed"):
        await local_speech()
