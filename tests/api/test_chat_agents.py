"""Chat agents, with the vendor's own client at its strictest, and beside the agents of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import CUSTOM_LLM, Api, make_agent, refused
from tests.api.test_retell_sdk import base_url, client

if TYPE_CHECKING:
    from retell import Retell

pytestmark = pytest.mark.slow

__all__ = ["base_url", "client"]

ENGINE: Any = CUSTOM_LLM


def test_a_chat_agent_is_made_read_changed_and_deleted(client: Retell) -> None:
    from retell import UnprocessableEntityError

    made = client.chat_agent.create(
        response_engine=ENGINE,
        agent_name="Ada",
        auto_close_message="Bye.",
        end_chat_after_silence_ms=120_000,
        webhook_events=["chat_ended"],
        post_chat_analysis_data=[{"type": "system-presets", "name": "chat_successful"}],
        pii_config={"mode": "post_call", "categories": ["ssn"]},
    )
    assert (made.version, made.is_published, made.webhook_events) == (0, False, ["chat_ended"])
    assert client.chat_agent.retrieve(made.agent_id, version=0) == made
    changed = client.chat_agent.update(made.agent_id, agent_name=None, end_chat_after_silence_ms=259_200_000)
    assert (changed.agent_name, changed.end_chat_after_silence_ms, changed.auto_close_message) == (
        None,
        259_200_000,
        "Bye.",
    )
    client.chat_agent.delete(made.agent_id)
    with pytest.raises(UnprocessableEntityError):
        client.chat_agent.retrieve(made.agent_id)


def test_versions_of_a_chat_agent(client: Retell) -> None:
    from retell import NotFoundError
    from retell.types import ChatAgentResponse

    agent_id = client.chat_agent.create(response_engine=ENGINE).agent_id
    client.chat_agent.publish(agent_id, version=0, version_title="First")
    draft = client.chat_agent.update(agent_id, agent_name="Second")
    assert (draft.version, draft.base_version, draft.is_published) == (1, 0, False)
    assert client.chat_agent.retrieve(agent_id, version="latest_published").version_title == "First"
    copy = client.chat_agent.create_version(agent_id, base_version=0)
    assert type(copy) is ChatAgentResponse
    client.chat_agent.delete_version(agent_id, version=2)
    assert [item.version for item in client.agent.list_versions(agent_id).items] == [1, 0]
    with pytest.raises(NotFoundError):
        client.chat_agent.publish(agent_id, version=7)


def test_a_list_tells_the_channels_apart(client: Retell) -> None:
    chat = client.chat_agent.create(response_engine=ENGINE, agent_name="Text and voice").agent_id
    voice = client.agent.create(response_engine=ENGINE, voice_id="v", agent_name="Text and voice").agent_id
    both: Any = {"query": "text AND voice"}
    for channel, wanted in (("chat", [chat]), ("voice", [voice])):
        of_channel: Any = {"channel": {"type": "string", "op": "eq", "value": channel}, **both}
        page = client.chat_agent.list(filter_criteria=of_channel)
        assert [(item.agent_id, item.channel) for item in page.items] == [(wanted[0], channel)]
    assert len(client.agent.list(filter_criteria=both).items) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"end_chat_after_silence_ms": 119_999},
        {"end_chat_after_silence_ms": 259_200_001},
        {"webhook_events": ["call_ended"]},
        {"response_engine": None},
        {"auto_close_message": 5},
        {"webhook_timeout_ms": 0},
    ],
)
async def test_wrong_settings_are_named(api: Api, change: dict[str, Any]) -> None:
    made = await (await api.post("/create-chat-agent", json={"response_engine": CUSTOM_LLM})).json()
    path = f"/update-chat-agent/{made['agent_id']}"
    assert next(iter(change)) in await refused(await api.patch(path, json=change), 400)
    assert await (await api.get(f"/get-chat-agent/{made['agent_id']}")).json() == made


async def test_each_kind_has_its_own_paths(api: Api) -> None:
    chat = await (await api.post("/create-chat-agent", json={"response_engine": CUSTOM_LLM})).json()
    voice = await make_agent(api)
    for kind, other in (("agent", chat), ("chat-agent", voice)):
        agent_id = other["agent_id"]
        assert "not found" in await refused(await api.get(f"/get-{kind}/{agent_id}"), 422)
        assert "not found" in await refused(await api.patch(f"/update-{kind}/{agent_id}", json={}), 422)
        assert "not found" in await refused(await api.delete(f"/delete-{kind}/{agent_id}"), 422)
    assert await (await api.get("/list-chat-agents")).json() == [chat]
    assert await (await api.get("/list-agents")).json() == [voice]


async def test_a_number_takes_a_chat_agent_for_texts_alone(api: Api) -> None:
    chat = await (await api.post("/create-chat-agent", json={"response_engine": CUSTOM_LLM})).json()
    made = await api.post("/import-phone-number", json={"phone_number": "+14157774444", "termination_uri": "h.example"})
    assert made.status == 201
    agents = [{"agent_id": chat["agent_id"], "agent_version": 0, "weight": 1}]
    path = "/update-phone-number/+14157774444"
    texts = {"inbound_sms_agents": agents, "outbound_sms_agents": agents}
    assert (await (await api.patch(path, json=texts)).json())["inbound_sms_agents"] == agents
    assert "not found" in await refused(await api.patch(path, json={"inbound_agents": agents}), 422)
