"""What `ari-agent check` finds out about the server of models that hear and speak."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from ari_agent.calls.realtime import realtime_server
from ari_agent.check.finding import Finding, Status
from ari_agent.check.realtime import check_realtime
from ari_agent.check.stored import Stored, StoredAgent
from ari_agent.check.surroundings import ModelsAsked, read_stored
from ari_agent.contract.agent import AgentCreate
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.retell_llm import LlmCreate
from ari_agent.store.store import Store
from tests.check.test_peers import around, stored
from tests.fakes.realtime_server import RealtimeServer

KEY = "sk-a-key-that-the-server-repeats"
(AGENT,) = stored({"type": "retell-llm", "llm_id": "llm_1"}).agents
SPEAKING = Stored([replace(AGENT, speaking_model="gpt-realtime"), StoredAgent(AGENT.agent, bound=True)])


async def found(url: str, *, timeout_s: float = 20.0) -> Finding:
    tries = partial(realtime_server.RealtimeServer(url, KEY).try_session, timeout_s=timeout_s)
    (finding,) = await check_realtime(replace(around(SPEAKING), try_session=tries))
    return finding


@pytest.mark.parametrize(
    ("server", "status", "what"),
    [
        (RealtimeServer(key=KEY), Status.OK, "opens sessions with the model gpt-realtime"),
        (RealtimeServer(beta=True), Status.OK, "opens sessions with the model gpt-realtime"),
        (RealtimeServer(key="another"), Status.FAILED, "answered 401, expected 101: see ARI_AGENT_REALTIME_API_KEY"),
        (
            RealtimeServer(first_error=f"no model gpt-realtime for {KEY}"),
            Status.FAILED,
            "no model gpt-realtime for ***: see ARI_AGENT_REALTIME_URL, and s2s_model of the prompt of Weather",
        ),
        (RealtimeServer(closes=f"the key is {KEY[:20]}"), Status.FAILED, "(the key is ***)"),
        (RealtimeServer(says_nothing=True), Status.FAILED, "it has opened no session within 0.5 s"),
    ],
)
async def test_one_session_is_opened_and_closed(server: RealtimeServer, status: Status, what: str) -> None:
    async with server:
        finding = await found(server.url, timeout_s=0.5 if server.says_nothing else 20.0)
        assert (finding.status, what in str(finding)) == (status, True), finding
        assert KEY[:12] not in str(finding)
        assert all(session.received == [] for session in server.sessions), "an answer may cost money"


async def test_a_server_that_is_not_there_is_found() -> None:
    finding = await found("ws://127.0.0.1:9/v1/realtime")
    assert (finding.status, "127.0.0.1:9/v1/realtime is not reachable" in finding.what) == (Status.FAILED, True)


async def test_agents_whose_model_speaks_are_found_where_no_server_of_such_is_set_up() -> None:
    async def asked() -> ModelsAsked:
        raise AssertionError("not asked here")

    (finding,) = await check_realtime(around(SPEAKING))
    assert finding.status is Status.FAILED
    assert "Weather names the model gpt-realtime" in finding.what
    assert "ARI_AGENT_REALTIME_API_KEY" in finding.remedy
    (finding,) = await check_realtime(replace(around(SPEAKING), ask_models=asked))
    assert (finding.status, "a model that writes answers" in finding.what) == (Status.WARNING, True)
    (finding,) = await check_realtime(around(Stored([AGENT])))
    assert finding.status is Status.SKIPPED


async def test_the_model_is_read_from_the_prompt_of_the_agent_of_a_number(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'calls.db'}")
    await store.open()
    try:
        llm = await store.retell_llms.create(LlmCreate(s2s_model="gpt-realtime"))
        made = []
        for llm_id in (llm.llm_id, "llm_none", llm.llm_id):
            body = {"response_engine": {"type": "retell-llm", "llm_id": llm_id}, "voice_id": "none"}
            made.append((await store.agents.create(AgentCreate.model_validate(body))).agent_id)
        bound = [{"agent_id": agent_id, "weight": 0.5} for agent_id in made[:2]]
        number = {"phone_number": "+14155550100", "last_modification_timestamp": 1, "inbound_agents": bound}
        await store.phone_numbers.create(PhoneNumber.model_validate(number))
        read = await read_stored(store, webhook_url=None)
        assert read.speaking_models() == {"gpt-realtime": made[0]}
        assert {found.agent.agent_id: found.speaking_model for found in read.agents} == {
            **dict.fromkeys(made),
            made[0]: "gpt-realtime",
        }
    finally:
        await store.close()
