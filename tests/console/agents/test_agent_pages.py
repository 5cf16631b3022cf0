"""The list of agents, and the page of one."""

from __future__ import annotations

import html
import re
from typing import Any

from ari_agent.contract.agent import Agent, AgentCreate, AgentUpdate
from ari_agent.contract.chat_agent import ChatAgent, ChatAgentCreate
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.retell_llm import LlmCreate
from ari_agent.store.store import Store
from tests.console.conftest import NOW_MS, Browser, a_call, text_of
from tests.console.test_hostile_text import Page

AUDIO = {"type": "audio-websocket", "audio_websocket_url": "wss://agent.example/audio"}


def an_agent(**settings: Any) -> AgentCreate:
    return AgentCreate.model_validate({"response_engine": AUDIO, **settings})


async def words_of(browser: Browser, path: str) -> str:
    page = await text_of(browser, path)
    return " ".join(Page(page.replace("</td>", " </td>")).text.split())


async def test_the_list_tells_kind_version_numbers_and_calls_of_today(browser: Browser, store: Store) -> None:
    audio = await store.agents.create(an_agent(agent_name="Bakery"))
    await store.agents.publish(audio.agent_id, None)
    llm = await store.retell_llms.create(LlmCreate(s2s_model="gpt-realtime"))
    by_prompt = {"type": "retell-llm", "llm_id": llm.llm_id}
    await store.agents.create(an_agent(agent_name="Speaker", response_engine=by_prompt, voice_id="v"))
    chat = {"response_engine": {"type": "custom-llm", "llm_websocket_url": "wss://a.example"}, "agent_name": "Writer"}
    await store.agents.create(ChatAgentCreate.model_validate(chat))
    bound = [{"agent_id": audio.agent_id, "weight": 1}]
    for number in ("+14155550100", "+14155550101"):
        fields = {"phone_number": number, "inbound_agents": bound, "outbound_agents": bound}
        await store.phone_numbers.create(PhoneNumber.model_validate({**fields, "last_modification_timestamp": 1}))
    for call_id, began_ms in (("call_1", NOW_MS), ("call_2", NOW_MS - 86_400_000)):
        await store.calls.save(a_call(call_id, agent_id=audio.agent_id, start_timestamp=began_ms))
    words = await words_of(browser, "/console/agents")
    assert "Bakery audio websocket 0 published 2 1" in words
    assert "Speaker realtime 0 draft 0 0" in words
    assert "Writer custom LLM, for texts 0 draft 0 0" in words


async def test_agents_are_looked_for_by_a_part_of_name_or_id_and_paged(browser: Browser, store: Store) -> None:
    made = [await store.agents.create(an_agent(agent_name=f"Röstbar {n:02}")) for n in range(60)]
    other = await store.agents.create(an_agent(agent_name="Bakery"))
    for name in ("röst", "RÖSTBAR", "bar 0", "ö"):
        answer = await browser.get("/console/agents", params={"name": name})
        words = Page(await answer.text()).text
        assert words.count("Röstbar ") >= 10 and "Bakery" not in words, name
    assert "Bakery" in await text_of(browser, f"/console/agents?name={other.agent_id[8:20].upper()}")
    assert "No agent is called so" in await text_of(browser, "/console/agents?name=%F0%9F%A5%96")
    seen, path = 0, "/console/agents"
    while path:
        page = await text_of(browser, path)
        seen += page.count('href="/console/agents/agent_')
        found = re.search(r'href="([^"]+)" rel="next"', page)
        path = html.unescape(found[1]) if found else ""
    assert seen == len(made) + 1
    assert "Bakery" in await text_of(browser, "/console/agents?after=%00%ff")


SECRETS = {
    "audio_websocket_url": "wss://user:hunter22@agent.example/audio?token=hunter22",
    "audio_websocket_headers": {"Authorization": "Bearer hunter22", "X-Shop": "hunter22"},
    "audio_websocket_auth_token": "hunter22",
}


async def test_the_page_of_an_agent_shows_no_secret_of_urls_and_headers(browser: Browser, store: Store) -> None:
    agent = await store.agents.create(an_agent(response_engine={**AUDIO, **SECRETS}))
    await store.agents.publish(agent.agent_id, None)
    changed = {
        "webhook_url": "https://shop.example/hook?key=hunter22",
        "response_engine": {**AUDIO, **SECRETS, "audio_websocket_auth_token": "hunter22-new"},
        "pre_session_tools": [{"type": "custom", "name": "x", "url": "https://u:hunter22@x.example"}],
    }
    await store.agents.update(agent.agent_id, AgentUpdate.model_validate(changed))
    page = await text_of(browser, f"/console/agents/{agent.agent_id}")
    assert "hunter22" not in page
    words = " ".join(Page(page).text.split())
    assert "wss://***@agent.example/audio?***" in words
    assert "webhook_url: set to https://shop.example/hook?***" in words
    assert "response_engine.audio_websocket_auth_token: another one that is not shown" in words


async def test_each_setting_has_its_meaning_and_the_reason_why_it_has_no_effect(browser: Browser, store: Store) -> None:
    assert [name for name, field in Agent.model_fields.items() if not field.description] == ["response_engine"]
    assert [name for name, field in ChatAgent.model_fields.items() if not field.description] == ["response_engine"]
    agent = await store.agents.create(an_agent(voice_speed=1.2, ivr_option={"action": {"type": "hangup"}}))
    words = await words_of(browser, f"/console/agents/{agent.agent_id}")
    own, _, at_default = words.partition("settings at their defaults")
    assert "voice_speed 1.2 How fast the voice speaks; 1 is as it was made. No effect here: an audio agent" in own
    assert "No effect here: phone menus are not detected." in own
    assert "max_call_duration_ms 3600000 How long a call may last. ring_duration_ms" in at_default
    assert at_default.count("No effect here") > 20


async def test_each_version_tells_what_it_has_changed(browser: Browser, store: Store) -> None:
    agent = await store.agents.create(an_agent(agent_name="Bakery", webhook_url="https://a.example"))
    await store.agents.publish(agent.agent_id, None)
    changes = {"max_call_duration_ms": 60_000, "webhook_url": None, "agent_name": "B" * 90}
    await store.agents.update(agent.agent_id, AgentUpdate.model_validate(changes))
    words = await words_of(browser, f"/console/agents/{agent.agent_id}?version=0")
    assert words.startswith("Agent Bakery - ari-agent")
    assert "Version 1 draft" in words and "Version 0 published" in words
    assert "max_call_duration_ms: set to 60000" in words
    assert "webhook_url: taken back, was https://a.example" in words
    assert f"agent_name: Bakery, now {'B' * 60}… (90 characters)" in words
    for path in ("agent_none", f"{agent.agent_id}?version=9", f"{agent.agent_id}?version=no/tag", "a%00b"):
        assert "not found" in await text_of(browser, f"/console/agents/{path}", 422), path


async def test_the_prompt_is_shown_as_text_and_bounded(browser: Browser, store: Store) -> None:
    states = [{"name": f"s{n}", "state_prompt": "x " * 99_000} for n in range(10)]
    made = LlmCreate.model_validate(
        {"general_prompt": "You sell bread.\nBe <b>kind</b>.", "states": states, "starting_state": "s0"}
    )
    llm = await store.retell_llms.create(made)
    by_prompt = {"type": "retell-llm", "llm_id": llm.llm_id}
    agent = await store.agents.create(an_agent(response_engine=by_prompt, voice_id="v"))
    page = await text_of(browser, f"/console/agents/{agent.agent_id}")
    assert len(page) < 200_000
    assert "You sell bread.\nBe &lt;b&gt;kind&lt;/b&gt;." in page
    assert "198000 more characters are not shown here" in page
    assert "no model is set up: set ARI_AGENT_LLM_MODEL" in page


async def test_the_numbers_that_are_bound_to_an_agent_are_shown(browser: Browser, store: Store) -> None:
    agent = await store.agents.create(an_agent())
    bound = [{"agent_id": agent.agent_id, "weight": 1}]
    fields = {"phone_number": "+14155550100", "nickname": "Shop", "inbound_agents": bound}
    await store.phone_numbers.create(PhoneNumber.model_validate({**fields, "last_modification_timestamp": 1}))
    assert "Numbers +14155550100 Shop" in await words_of(browser, f"/console/agents/{agent.agent_id}")
    assert 'href="/console/numbers/%2B14155550100"' in await text_of(browser, f"/console/agents/{agent.agent_id}")
