"""Whatever a caller, a webhook or an agent says is shown as text, on every page."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

from ari_agent.contract.agent import AgentCreate, AgentUpdate
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.retell_llm import LlmCreate, LlmUpdate
from ari_agent.store.store import Store
from tests.console.conftest import Browser, LiveCalls, OneCall, a_call, text_of

CORPUS = [
    text.replace("MARK", "x55")
    for text in json.loads((Path(__file__).parents[1] / "data" / "hostile_texts.json").read_text("utf-8"))
]


class Page(HTMLParser):
    """The elements and attributes of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def shape(page: Page) -> tuple[list[str], list[str]]:
    """The elements and the names of attributes: what a text that became markup would change."""
    return page.elements, [name for name, _ in page.attributes]


def call_that_says(text: str) -> dict[str, object]:
    said = [
        {"role": "user", "content": text, "words": [{"word": text, "start": 0.1, "end": 0.2}]},
        {"role": "agent", "content": text, "words": []},
        {"role": "tool_call_invocation", "tool_call_id": "1", "name": text, "arguments": text},
    ]
    return {
        "from_number": text,
        "to_number": text,
        "agent_name": text,
        "transfer_destination": text,
        "faults": [text],
        "hangup": {"who": "caller", "timestamp": 1, "reason": text},
        "retell_llm_dynamic_variables": {text: text},
        "custom_sip_headers": {text: text},
        "metadata": {text: text},
        "transcript_with_tool_calls": said,
        "transcript_object": said[:2],
        "call_analysis": {"call_summary": text},
        "sip": [{"event": "INVITE", "direction": "received", "timestamp": 1, "leg": "target"}],
    }


async def test_a_hundred_hostile_texts_are_text_on_every_page(
    browser: Browser, store: Store, live_calls: LiveCalls
) -> None:
    assert len(CORPUS) >= 100
    for number, text in enumerate(["harmless x55", *CORPUS]):
        call = a_call(f"call_{number}", **call_that_says(text))
        await store.calls.save(call)
        live_calls.calls[:] = [OneCall(call)]
        pages = [
            Page(await text_of(browser, path))
            for path in ("/console", f"/console/calls/call_{number}", "/console/calls")
        ]
        if number == 0:
            expected = [shape(page) for page in pages]
        assert [shape(page) for page in pages] == expected, text
        shown = "".join(text.split())
        assert shown in "".join(pages[0].text.split()), text
        assert "".join(pages[1].text.split()).count(shown) >= 5, text
        await store.calls.delete(call.call_id)


def agent_that_says(text: str) -> dict[str, object]:
    custom = {"type": "custom", "name": "x", "url": "https://x.example", "description": text}
    return {
        "agent_name": text[:1000],
        "version_title": text,
        "version_description": text,
        "expressive_mode_prompt": text,
        "boosted_keywords": [text],
        "voice_id": text[:256] or "v",
        "voicemail_option": {"action": {"type": "static_text", "text": text}},
        "pre_session_tools": [custom],
    }


async def test_a_hundred_hostile_texts_of_agents_and_prompts_are_text(browser: Browser, store: Store) -> None:
    llm = await store.retell_llms.create(LlmCreate(general_prompt="x"))
    engine = {"type": "retell-llm", "llm_id": llm.llm_id}
    made = AgentCreate.model_validate({"response_engine": engine, **agent_that_says("x55")})
    agent = await store.agents.create(made)
    bound = {"phone_number": "+14155550100", "inbound_agents": [{"agent_id": agent.agent_id, "weight": 1}]}
    number = PhoneNumber.model_validate({**bound, "nickname": "x55", "last_modification_timestamp": 1})
    await store.phone_numbers.create(number)
    await store.agents.publish(agent.agent_id, None)
    await store.agents.update(agent.agent_id, AgentUpdate(agent_name="other"))
    path = f"/console/agents/{agent.agent_id}"
    for place, text in enumerate(["harmless x55", *CORPUS]):
        prompt = {"general_prompt": text, "begin_message": text, "s2s_model": text[:256] or "m"}
        await store.retell_llms.update(llm.llm_id, LlmUpdate.model_validate(prompt))
        await store.agents.update(agent.agent_id, AgentUpdate.model_validate(agent_that_says(text)))
        pages = [Page(await text_of(browser, each)) for each in ("/console/agents", path, f"{path}/talk")]
        if place == 0:
            expected = [shape(page) for page in pages]
        assert [shape(page) for page in pages] == expected, text
        shown = "".join(text[:60].split())
        assert shown in "".join(pages[0].text.split()), text
        assert "".join(pages[1].text.split()).count(shown) >= 3, text


async def test_what_is_looked_for_is_text_as_well(browser: Browser) -> None:
    plain = shape(Page(await text_of(browser, "/console/calls?number=x55&since=x55&agent=x55")))
    for text in CORPUS:
        answer = await browser.get("/console/calls", params={"number": text, "since": text, "agent": text})
        assert shape(Page(await answer.text())) == plain, text
    plain = shape(Page(await text_of(browser, "/console/agents?name=x55")))
    for text in CORPUS:
        answer = await browser.get("/console/agents", params={"name": text, "after": text})
        assert shape(Page(await answer.text())) == plain, text
