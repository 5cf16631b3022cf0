from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from ari_agent.app import _run_beside, check, controller
from ari_agent.config import Settings
from ari_agent.errors import SpeechUnavailable


async def test_a_part_that_fails_is_told_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    failed = asyncio.Event()

    async def fails() -> None:
        raise LookupError("a defect")

    def part_failed(part: str) -> None:
        told.append(part)
        failed.set()

    with caplog.at_level(logging.CRITICAL):
        async with AsyncExitStack() as stack:
            await _run_beside(stack, "chats", fails(), part_failed)
            await asyncio.wait_for(failed.wait(), 5)
    assert told == ["chats"]
    assert "chats has stopped" in caplog.text
    assert "a defect" in caplog.text


async def test_a_part_that_is_ended_in_order_is_no_failure() -> None:
    told: list[str] = []

    async def waits() -> None:
        await asyncio.Event().wait()

    async with AsyncExitStack() as stack:
        await _run_beside(stack, "chats", waits(), told.append)
        await asyncio.sleep(0)
    assert told == []


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
    found = await check(settings)
    assert "set ARI_AGENT_FLITE" in str(found["speech"])
    assert "speech" not in await check(settings.model_copy(update={"speech_to_text": "none", "text_to_speech": "none"}))
