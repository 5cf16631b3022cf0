"""Talking to an agent: what the page needs, and the call that it registers. tests/console/browser has it talk."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ari_agent.contract.agent import Agent, AgentUpdate
from ari_agent.contract.call import Call
from ari_agent.store.store import Store
from tests.console.agents.test_agent_pages import an_agent
from tests.console.conftest import NOW_MS, READ_ONLY_KEY, Browser, csrf_token, log_in, text_of


@pytest.fixture
async def agent(store: Store) -> Agent:
    return await store.agents.create(an_agent(agent_name="Bakery"))


async def register(browser: Browser, agent: Agent, status: int = 200, **fields: str) -> str:
    form = {"csrf_token": await csrf_token(browser), "version": "0", "sample_rate": "48000", **fields}
    answer = await browser.post(f"/console/agents/{agent.agent_id}/talk", data=form, allow_redirects=False)
    assert answer.status == status, await answer.text()
    return await answer.text()


async def registered(store: Store, browser: Browser, agent: Agent, **fields: str) -> tuple[Call, Any]:
    answer = json.loads(await register(browser, agent, 200, **fields))
    assert answer["websocket"] == f"/audio-websocket/{answer['call_id']}?enable_update=true"
    call = await store.calls.get(answer["call_id"])
    taken = await store.registrations.take(answer["call_id"], now_ms=NOW_MS)
    assert call and taken
    return call, taken


async def test_a_call_is_registered_for_this_version_with_variables_and_the_browsers_rate(
    browser: Browser, store: Store, agent: Agent
) -> None:
    await store.agents.publish(agent.agent_id, None)
    await store.agents.update(agent.agent_id, AgentUpdate.model_validate({"agent_name": "New"}))
    given = "customer=Bob\r\n\r\n order = a=b \n"
    call, taken = await registered(store, browser, agent, variables=given, sample_rate="44100")
    assert (call.call_type, call.agent_id, call.agent_version) == ("web_call", agent.agent_id, 0)
    assert call.retell_llm_dynamic_variables == {"customer": "Bob", "order": "a=b"}
    assert (taken.audio.sample_rate, taken.audio.audio_encoding) == (44_100, "s16le")


@pytest.mark.parametrize(
    ("fields", "status", "why"),
    [
        ({"sample_rate": "96000"}, 400, "sample_rate"),
        ({"sample_rate": "9" * 5000}, 400, "sample_rate"),
        ({"sample_rate": ""}, 400, "sample_rate"),
        ({"variables": "customer=Bob\nno variable"}, 400, "line 2 of the variables is none: write name=value"),
        ({"variables": "=Bob"}, 400, "line 1"),
        ({"variables": "\n".join(f"v{n}=1" for n in range(1001))}, 400, "1000"),
        ({"version": "7"}, 422, "version 7"),
        ({"version": ""}, 422, "not found"),
        ({"csrf_token": "wrong"}, 403, "did not come from a page of this console"),
    ],
)
async def test_what_cannot_be_registered_is_said(
    browser: Browser, store: Store, agent: Agent, fields: dict[str, str], status: int, why: str
) -> None:
    assert why in await register(browser, agent, status, **fields)
    assert await store.calls.count() == 0


async def test_an_agent_that_takes_no_calls_here_is_not_offered_and_says_why(browser: Browser, store: Store) -> None:
    engine = {"type": "custom-llm", "llm_websocket_url": "wss://a.example"}
    agent = await store.agents.create(an_agent(response_engine=engine, voice_id="v"))
    path = f"/console/agents/{agent.agent_id}"
    assert "Talk to this agent" not in await text_of(browser, path)
    assert "set ARI_AGENT_SPEECH_TO_TEXT and ARI_AGENT_TEXT_TO_SPEECH" in await text_of(browser, f"{path}/talk")
    assert "takes no calls" in await register(browser, agent, 400)


async def test_whoever_may_only_look_does_not_talk(stranger: Browser, store: Store, agent: Agent) -> None:
    await log_in(stranger, READ_ONLY_KEY)
    path = f"/console/agents/{agent.agent_id}"
    assert "Talk to this agent" not in await text_of(stranger, path)
    assert "log in with the API key to talk" in await text_of(stranger, f"{path}/talk", 403)
    await register(stranger, agent, 403)
    assert await store.calls.count() == 0


async def test_the_microphone_is_for_this_page_alone(browser: Browser, agent: Agent) -> None:
    path = f"/console/agents/{agent.agent_id}"
    for page, allowed in (("/console", ""), (path, ""), (f"{path}/talk", "self")):
        answer = await browser.get(page)
        assert f"microphone=({allowed})" in answer.headers["Permissions-Policy"], page
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self'; " in policy and "connect-src 'self'; " in policy, page
