"""The transcript of the demo's second call, line by line."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ari_agent.demo.text_agent_log import TextAgentLog


def update(*said: tuple[str, str]) -> dict[str, Any]:
    transcript = [{"role": role, "content": content} for role, content in said]
    return {"interaction_type": "update_only", "transcript": transcript}


def test_each_utterance_is_told_once_when_it_is_over() -> None:
    lines: list[tuple[str, str]] = []
    log = TextAgentLog(lambda call_id, line: lines.append((call_id, line)))
    log.note("call_1", {"interaction_type": "ping_pong", "timestamp": 1})
    log.note("call_1", update())
    log.note("call_1", update(("agent", "Hello")))
    log.note("call_2", update(("agent", "Hi"), ("user", "no")))
    log.note("call_1", update(("agent", "Hello there."), ("user", "yes")))
    log.note("call_1", update(("agent", "Hello there."), ("user", "yes please")))
    log.finish("call_1")
    log.finish("call_1")
    assert lines == [("call_2", "agent: Hi"), ("call_1", "agent: Hello there."), ("call_1", "user: yes please")]


async def test_words_are_waited_for() -> None:
    log = TextAgentLog(lambda *_: None)
    waiting = asyncio.ensure_future(log.wait_for("agent", "help you"))
    log.note("call_1", update(("user", "help you")))
    await asyncio.sleep(0)
    assert not waiting.done()
    log.note("call_1", update(("user", "help you"), ("agent", "I help you.")))
    assert await asyncio.wait_for(waiting, 5) == "call_1"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(log.wait_for("agent", "goodbye"), 0.01)
