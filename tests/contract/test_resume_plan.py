"""By what another run goes on with a call: all of its agent's settings, as they hold for this call."""

from __future__ import annotations

import pytest

from ari_agent.contract.agent import Agent
from ari_agent.contract.resume_plan import ResumePlan

ENGINE = {
    "type": "audio-websocket",
    "audio_websocket_url": "wss://agent.example/talk",
    "audio_websocket_auth_token": "hunter2",
    "audio_websocket_headers": {"Authorization": "Bearer x"},
}
AGENT = {"agent_id": "agent_1", "version": 3, "last_modification_timestamp": 1, "language": "de-DE"}


def test_what_is_written_reads_back_with_its_secrets() -> None:
    agent = Agent.model_validate({**AGENT, "response_engine": ENGINE})
    plan = ResumePlan(agent=agent, channel_id="17.4", app="ari_agent", is_wideband=True)
    assert ResumePlan.read(plan.as_text()) == plan
    assert "hunter2" in plan.as_text()


def test_what_the_call_changes_of_its_prompt_is_kept() -> None:
    engine = {"type": "retell-llm", "llm_id": "llm_1", "override": {"begin_message": "Hi."}}
    agent = Agent.model_validate({**AGENT, "voice_id": "v", "response_engine": engine})
    read = ResumePlan.read(ResumePlan(agent=agent, channel_id="17.4", app="ari_agent").as_text())
    assert read is not None
    assert read.agent == agent
    assert getattr(read.agent.response_engine, "override", None) == {"begin_message": "Hi."}


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"agent":{"agent_id":"agent_1"},"channel_id":"17.4"}'])
def test_what_another_version_has_written_is_none(text: str | None) -> None:
    assert ResumePlan.read(text) is None
