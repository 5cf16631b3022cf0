"""A whole controller whose agents want no personal data stored, and everybody who sends it a card number all the same.

The number must be left nowhere: in no row, recording, log of a call, webhook that nobody took or line on stderr.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from tests.fakes.agent_server import AgentCall
from tests.fakes.controller import Controller
from tests.fakes.controller_alone import controller_alone
from tests.fakes.llm_server import LlmServer, LlmTalk, Message
from tests.fakes.model_server import Says, model_server
from tests.fakes.web_client import WebFrontEnd
from tests.fakes.webhook_server import Answer, WebhookServer

pytestmark = pytest.mark.slow

CARD: Final = "4111 1111 1111 1111"
FOUND: Final = {"user_sentiment": "Neutral", "call_summary": "Paid.", "chat_summary": "Paid.", "chat_successful": True}
GIVEN: Final = {"metadata": {"note": CARD, CARD: 1}, "retell_llm_dynamic_variables": {"card": CARD}}
STRICT: Final = {
    "data_storage_setting": "everything_except_pii",
    "pii_config": {"mode": "post_call", "categories": ["credit_card"]},
}


async def careless_agent(call: AgentCall) -> None:
    """Tell a card number in messages of the web protocol, right ones and wrong ones, and fail."""
    words = [{"word": CARD, "start": 1, "end": 2}]
    said = [{"role": "user", "content": CARD, "words": words}, {"role": "agent", "content": f"Is it {CARD}?"}]
    await call.send({"event_type": "update", "transcript": said})
    await call.send({"event_type": "update", "transcript": f"User: {CARD}"})
    await call.send({"event_type": "update", "transcript": [{"role": "user", "content": [CARD]}]})
    await call.send({"event_type": "transfer", "transfer": {"to": CARD}})
    await call.send({"event_type": "metadata", "metadata": {"card": CARD}})
    await call.send(f"{CARD} is no JSON")
    await asyncio.sleep(0.5)
    await call.close(1011)


async def careless_writer(talk: LlmTalk, message: Message) -> None:
    """Answer with the card number and call a tool with it; send nonsense, and fail after "die"."""
    if message["interaction_type"] != "response_required":
        return
    used = {"card": CARD, CARD: 1, "number": 4111111111111111, "groups": CARD.split()}
    tool = {"tool_call_id": "t1", "name": "pay"}
    await talk.say(response_type="tool_call_invocation", arguments=json.dumps(used), **tool)
    await talk.say(response_type="tool_call_result", tool_call_id="t1", content=f"{CARD} is paid")
    await talk.say(response_type="metadata", metadata={"card": CARD})
    await talk.connection.send(f"{CARD} is no JSON")
    await talk.respond(message["response_id"], f"I took {CARD}")
    if message["transcript"][-1]["content"] == "die":
        await talk.connection.close(1011)


def rows(database: Path) -> Iterator[str]:
    """All rows of all tables, as text."""
    with closing(sqlite3.connect(database)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            yield from (f"{table}: {row}" for row in connection.execute(f"SELECT * FROM {table}"))


def leaks(folder: Path) -> list[str]:
    """Where half a card number is left."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("calls.db")]
    lines = [
        f"{path.name}: {line}" for path in files for line in path.read_bytes().decode(errors="replace").split("\n")
    ]
    return [line for line in (*rows(folder / "calls.db"), *lines) if "1111 1111" in line or "11111111" in line]


async def over(controller: Controller, path: str) -> dict[str, Any]:
    """The call or chat, once it is over and analysed."""
    for _ in range(200):
        found: dict[str, Any] = (await controller.get(path)).json
        if found.get("call_analysis") or found.get("chat_analysis"):
            return found
        await asyncio.sleep(0.05)
    raise TimeoutError(path)


async def test_a_card_number_is_left_nowhere(tmp_path: Path) -> None:
    async with LlmServer() as llms, WebhookServer(api_key="key") as hooks, model_server() as models:
        models.always = Says(FOUND)
        settings = {
            "WEBHOOK_URL": hooks.hook(Answer(400)).url,  # which makes every webhook a dead letter
            "ANALYSIS_MODEL": "small",
            "ANALYSIS_URL": models.url,
            "LOG_LEVEL": "debug",
            "AGENT_REDIAL_S": "0",
        }
        async with controller_alone(tmp_path, careless_agent, **settings) as (controller, agent_id):
            await controller.request("PATCH", f"/update-agent/{agent_id}", {**STRICT, "recording": "on"})
            begun = (await controller.post("/v2/create-web-call", {"agent_id": agent_id, **GIVEN}, expect=201)).json
            url = f"ws{controller.url[4:]}/audio-websocket/{begun['call_id']}"
            async with WebFrontEnd(url) as browser:
                await asyncio.sleep(0.2)
                update = {
                    "call_control": {"additional_context": CARD},
                    "fields_to_override": {"metadata": {"note": CARD}},
                }
                await controller.request("PATCH", f"/v2/update-live-call/{begun['call_id']}", update)
                await browser.gone()
            call = await over(controller, f"/v2/get-call/{begun['call_id']}")
            opening = {"response_id": 0, "content": f"Not {CARD}!", "content_complete": True}
            agent = {"response_engine": llms.agent(careless_writer, opening=(opening,)).engine, **STRICT}
            made = (await controller.post("/create-chat-agent", agent, expect=201)).json
            chat_id = (await controller.post("/create-chat", {"agent_id": made["agent_id"], **GIVEN})).json["chat_id"]
            for text in (CARD, "4111 1111", "1111\u00a01111", CARD.replace(" ", "\u2011\n"), "5 " * 8000, "die"):
                await controller.post("/create-chat-completion", {"chat_id": chat_id, "content": text}, expect=201)
            await controller.request("PATCH", f"/update-chat/{chat_id}", {"custom_attributes": {"card": CARD}})
            await controller.request("PATCH", f"/end-chat/{chat_id}")
            chat = await over(controller, f"/get-chat/{chat_id}")
    assert "[credit_card]" in call["transcript"] and "[credit_card]" in chat["transcript"]
    assert CARD not in str(models.asked)
    assert leaks(tmp_path) == []
