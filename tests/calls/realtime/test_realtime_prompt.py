"""The session that a prompt and an agent's settings make."""

from __future__ import annotations

from typing import Any

import pytest

from ari_agent.agents.realtime import RealtimeSession
from ari_agent.calls.realtime.realtime_prompt import session_of, voice_name
from ari_agent.contract.agent import Agent
from ari_agent.prompt_agents.prompt_state import PromptState
from tests.calls.realtime.spoken_call import ENGINE, NOW_MS, prompt


def session(prompt_of: dict[str, Any] | None = None, **settings: Any) -> RealtimeSession:
    identity = {"agent_id": "agent_1", "version": 0, "last_modification_timestamp": NOW_MS}
    about = {"response_engine": ENGINE.model_dump(), "voice_id": "marin", **identity, **settings}
    state = PromptState(prompt(**(prompt_of or {})), lambda: {"name": "Ann"}, is_spoken=True)
    return session_of(state, Agent.model_validate(about), transcription_model="")


@pytest.mark.parametrize(
    ("settings", "language"),
    [({}, "en"), ({"language": "multi"}, ""), ({"language": ["de-DE", "en-US"]}, ""), ({"language": "fil-PH"}, "")],
)
def test_the_language_is_told_where_there_is_one_of_two_letters(settings: dict[str, Any], language: str) -> None:
    assert session(**settings).language == language


@pytest.mark.parametrize(
    ("voice_id", "name"), [("openai-Alloy", "alloy"), ("marin", "marin"), ("af_Heart", "af_Heart")]
)
def test_retells_names_of_voices_are_those_of_the_server(voice_id: str, name: str) -> None:
    assert voice_name(voice_id) == name


def test_an_agent_that_is_never_interrupted() -> None:
    assert session().interrupts
    assert not session(interruption_sensitivity=0.0).interrupts


def test_what_is_said_while_a_tool_runs_the_model_says_before_it() -> None:
    end = {"type": "end_call", "speak_during_execution": True}
    tools = [
        end | {"name": "a", "execution_message_type": "static_text", "execution_message_description": "Bye {{name}}."},
        end | {"name": "b", "execution_message_description": "that it ends"},
        end | {"name": "c", "speak_during_execution": False, "description": "Ends."},
    ]
    edge = {"description": "Later", "destination_state_name": "other"}
    states = [{"name": "one", "edges": [edge]}, {"name": "other"}]
    made = session({"general_tools": tools, "states": states, "starting_state": "one"}).tools
    assert [tool["description"] for tool in made] == [
        "End the call. Before you call it, say: Bye Ann.",
        "End the call. Before you call it, speak to the user: that it ends",
        "Ends.",
        "Later",
    ]
    assert all(tool["parameters"]["properties"] == {} and not tool["parameters"]["required"] for tool in made)
