"""What the public log of a call is told of its prompt's model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

from ari_agent.agents.llm_connection import LlmDisconnected
from ari_agent.calls.public_log.log_lines import note
from ari_agent.calls.public_log.public_log import PublicLog
from ari_agent.prompt_agents.model import ModelStep
from tests.fakes.chat_model_server import Reply
from tests.fakes.llm_server import until
from tests.prompt_agents.talk import USER, Shop, custom, shop, talk

__all__ = ["shop"]


def lines(steps: list[ModelStep], *, keeps_content: bool = True) -> list[dict[str, Any]]:
    """What a log makes of them, without times."""
    written: list[bytes] = []
    log = PublicLog(lambda: written.append, lambda: 0.0)
    log.open(keeps_content=keeps_content)
    for step in steps:
        note(log, step)
    told = [json.loads(line) for line in written]
    return [{name: value for name, value in line.items() if name not in ("ms", "took_ms")} for line in told]


async def test_a_log_tells_what_was_asked_and_done_without_the_secrets_of_tools(
    shop: tuple[Shop, str],
) -> None:
    server, url = shop
    server.answers = [lambda: web.json_response({"you sent": "hunter22hunter22", "left": 3})]
    tool = custom(url, headers={"X-Own": "hunter22hunter22"}, query_params={"q": "1"})
    async with talk(
        Reply(["Let", " me see."], [("stock", '{"item": "cup"}')]),
        Reply(["Three."]),
        begin_message="",
        general_prompt="Help.",
        general_tools=[tool],
    ) as one:
        await one.agent.open()
        await one.asks()
        result = '{"you sent": "***", "left": 3}'
        asked = {"event": "model", "what": "asked", "response_id": 1, "model": "small", "tools": 1}
        answered = {"event": "model", "what": "answered", "response_id": 1, "model": "small"}
        tokens = {"prompt_tokens": 7, "completion_tokens": 3}
        prompt = len(one.prompt())
        known = lines(one.steps)
        assert known == [
            {"event": "model", "what": "prompt", "name": "llm_1", "version": 0, "tools": 1},
            {**asked, "messages": 2, "characters": prompt + 6, "content": {"role": "user", "content": "Hello?"}},
            {
                **answered,
                **tokens,
                "characters": 12,
                "tools": 1,
                "content": {
                    "text": "Let me see.",
                    "tool_calls": [{"name": "stock", "arguments": '{"item": "cup"}'}],
                },
            }
            | {"characters": 11},
            {
                "event": "model",
                "what": "tool",
                "response_id": 1,
                "name": "stock",
                "successful": True,
                "characters": len(result) - 3 + 16,
                "content": result,
            },
            {
                **asked,
                "messages": 4,
                "characters": prompt + 6 + 11 + len(result) - 3 + 16,
                "content": {"role": "tool", "content": result},
            },
            {**answered, **tokens, "characters": 6, "tools": 0, "content": {"text": "Three."}},
        ]
        assert "hunter22" not in json.dumps(known)
        bare = lines(one.steps, keeps_content=False)
        assert not any("content" in line for line in bare)
        assert not any(word in json.dumps(bare) for word in ("Hello", "Three", "cup"))


async def test_a_log_tells_why_there_is_no_answer() -> None:
    async with talk(Reply(status=404, body='{"error": {"message": "no such model"}}'), begin_message="") as one:
        await one.agent.open()
        one.agent.ask(1, USER, USER)
        await until(lambda: bool(one.of(LlmDisconnected)))
        last = lines(one.steps)[-1]
        assert (last["what"], last["content"]) == ("failed", "127.0.0.1 answered 404 for small: no such model")


@pytest.mark.parametrize("text", ["x" * 30_000])
async def test_a_line_of_the_log_is_short_whatever_the_model_says(text: str) -> None:
    async with talk(Reply([text]), begin_message="") as one:
        await one.agent.open()
        await one.asks()
        assert len(str(one.steps[-1].content)) < 3000
        assert one.steps[-1].facts["characters"] == 30_000
