from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import pytest

from ari_agent.asterisk.inspection import Inspection
from ari_agent.check.finding import Finding, Status
from ari_agent.check.peers import check_agents, check_webhooks
from ari_agent.check.stored import Stored, StoredAgent
from ari_agent.check.surroundings import DatabaseFacts, ListModels, Surroundings
from ari_agent.config import Settings
from ari_agent.contract.agent import Agent
from tests.fakes.agent_server import Agent as FakeAgent
from tests.fakes.agent_server import AgentServer, Refusal
from tests.fakes.controller import free_tcp_port
from tests.fakes.llm_server import LlmServer
from tests.fakes.webhook_server import Answer, WebhookServer

pytestmark = pytest.mark.slow


def stored(engine: Mapping[str, Any], *, bound: bool = True) -> Stored:
    agent = Agent.model_validate(
        {
            "agent_id": "agent_1",
            "agent_name": "Weather",
            "response_engine": dict(engine),
            "voice_id": "none",
            "last_modification_timestamp": 0,
        }
    )
    return Stored([StoredAgent(agent, bound)])


def around(
    given: Stored | None = None,
    *,
    settings: Settings | None = None,
    deep: bool = False,
    now_s: Callable[[], float] = lambda: 0.0,
    list_models: ListModels | None = None,
) -> Surroundings:
    return Surroundings(
        settings=settings or Settings(),
        inspection=Inspection(url="http://127.0.0.1:9/ari", username="u", password="p", app="a"),
        database=DatabaseFacts("sqlite:///calls.db"),
        stored=given or Stored(),
        serving=False,
        secret_files=(),
        start_speech=lambda: nullcontext(None),
        now_s=now_s,
        deep=deep,
        list_models=list_models,
    )


async def agents(given: Stored, *, deep: bool = False) -> Finding:
    (found,) = await check_agents(around(given, deep=deep))
    return found


async def test_an_agents_port_is_connected_to_and_its_websocket_opened_only_if_that_is_asked_for() -> None:
    async with AgentServer() as server:
        agent = server.agent()
        found = await agents(stored(agent.engine))
        assert (found.status, agent.attempts) == (Status.OK, 0)
        assert "(agent Weather) takes connections" in found.what
        found = await agents(stored(agent.engine), deep=True)
        assert (found.status, agent.attempts) == (Status.OK, 1)
        assert "takes websockets" in found.what


async def test_an_agent_that_refuses_the_handshake_is_told_with_its_status() -> None:
    async with AgentServer() as server:
        agent: FakeAgent = server.agent()
        agent.refusal = Refusal(403)
        found = await agents(stored(agent.engine), deep=True)
    assert found.status is Status.FAILED
    assert "its handshake was answered with HTTP 403, not 101" in found.what


async def test_a_text_agent_is_asked_at_the_path_of_a_call_and_told_of_none() -> None:
    async with LlmServer() as server:
        agent = server.agent()
        found = await agents(stored(agent.engine), deep=True)
    assert found.status is Status.OK


@pytest.mark.parametrize(("bound", "status"), [(True, Status.FAILED), (False, Status.WARNING)])
async def test_an_agent_that_is_away_is_a_failure_if_callers_reach_it(bound: bool, status: Status) -> None:
    port = free_tcp_port()
    url = f"ws://127.0.0.1:{port}/ws?token=secret"
    found = await agents(stored({"type": "audio-websocket", "audio_websocket_url": url}, bound=bound))
    assert found.status is status
    assert f"no TCP connection to 127.0.0.1 port {port}" in found.what
    assert "secret" not in str(found)


async def test_an_agent_whose_host_the_call_names_is_left_out() -> None:
    url = "wss://{{tenant}}.example/ws"
    found = await agents(stored({"type": "audio-websocket", "audio_websocket_url": url}))
    assert found.status is Status.SKIPPED


async def test_without_agents_and_webhooks_there_is_nothing_to_look_at() -> None:
    hosted = stored({"type": "retell-llm", "llm_id": "llm_1"})
    for found in (await check_agents(around(hosted)), await check_webhooks(around(hosted))):
        assert [finding.status for finding in found] == [Status.SKIPPED]


async def test_a_hundred_webhooks_are_not_all_looked_at() -> None:
    port = free_tcp_port()
    named = [
        stored({"type": "retell-llm", "llm_id": "x"})
        .agents[0]
        .agent.model_copy(update={"webhook_url": f"http://127.0.0.1:{port}/{n}"})
        for n in range(100)
    ]
    found = await check_webhooks(around(Stored([StoredAgent(agent, bound=True) for agent in named])))
    assert [finding.status for finding in found[:-1]] == [Status.FAILED] * 50
    assert found[-1] == Finding(Status.SKIPPED, "50 more are not looked at")


async def test_a_webhook_that_does_not_answer_a_head_with_success_is_there_all_the_same() -> None:
    async with WebhookServer(api_key="key_1") as server:
        hook = server.hook(Answer(204))
        (found,) = await check_webhooks(around(Stored(webhook_url=hook.url), now_s=time.time))
    assert found.status is Status.OK, found
    assert hook.deliveries == []
