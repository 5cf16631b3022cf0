from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from ari_agent.app import controller
from ari_agent.check.finding import Status
from ari_agent.config import Settings
from ari_agent.errors import SpeechUnavailable
from ari_agent.self_check import check
from ari_agent.setting_values import Address


@pytest.mark.parametrize("kept", [True, False])
async def test_public_logs_are_kept_unless_a_setting_says_otherwise(tmp_path: Path, kept: bool) -> None:
    settings = Settings(
        ari_url="http://127.0.0.1:9/ari",
        api_key=SecretStr("key-of-the-api"),
        bind=Address("127.0.0.1", 0),
        database_url=f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}",
        public_logs=kept,
    )
    assert Settings.model_fields["public_logs"].default is True
    async with controller(settings) as switchboard:
        log = switchboard._services.public_logs.new("call_1")
        assert log.is_on is kept
        assert log.redaction.text("key-of-the-api") == ("***" if kept else "key-of-the-api")


async def test_a_provider_of_speech_that_lacks_something_is_named(tmp_path: Path) -> None:
    settings = Settings(
        ari_url="http://127.0.0.1:9/ari",
        database_url=f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}",
        speech_to_text="openai",
        text_to_speech="flite",
        openai_api_key=SecretStr("sk-secret"),
        openai_base_url="http://127.0.0.1:9/v1",
        flite=str(tmp_path / "no-flite"),
    )
    with pytest.raises(SpeechUnavailable, match="set ARI_AGENT_FLITE") as refused:
        async with controller(settings):
            raise AssertionError("it has begun")
    assert "sk-secret" not in str(refused.value)
    found = {entry.name: entry.finding for entry in await check(settings)}
    assert found["speech"].status is Status.FAILED
    assert "set ARI_AGENT_FLITE" in str(found["speech"])
    silent = await check(settings.model_copy(update={"speech_to_text": "none", "text_to_speech": "none"}))
    assert [entry.finding.status for entry in silent if entry.name == "speech"] == [Status.SKIPPED]
