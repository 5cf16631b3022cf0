"""Which agent takes a call or chat: chosen, looked up, prepared, or refused in words that say what would be right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ari_agent.contract.agent import Agent, AgentCreate
from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.chat_agent import AnyAgent, ChatAgent, ChatAgentCreate
from ari_agent.errors import CallError, NoAgentBound, OverrideUnfit, UnknownAgent, UnservedAgent
from ari_agent.routing.agent_choice import (
    AUDIO_AGENTS,
    PROMPT_AGENTS,
    TEXT_AGENTS,
    AgentChoice,
    Outbound,
    Serves,
    agent_tag,
    choose,
    choose_outbound,
    engine_for_call,
    prepare_for_call,
    prepare_for_text,
)

AUDIO = {"type": "audio-websocket", "audio_websocket_url": "wss://agent.example.com/audio"}
TEXT = {"type": "custom-llm", "llm_websocket_url": "wss://agent.example.com/llm"}
RETELL = {"type": "retell-llm", "llm_id": "llm_1"}
FLOW = {"type": "conversation-flow", "conversation_flow_id": "flow_1"}
OWN, ASKED = AgentChoice("agent_own", "prod"), AgentChoice("agent_a")
UNFIT = AgentOverride.model_validate({"agent": {"stt_mode": "custom"}})


def an_agent(engine: dict[str, Any], **fields: Any) -> Agent:
    settings = {"response_engine": engine, "voice_id": "voice", **fields}
    return AgentCreate.model_validate(settings).agent(agent_id="agent_a", now_ms=1)


def a_chat_agent(engine: dict[str, Any]) -> ChatAgent:
    return ChatAgentCreate.model_validate({"response_engine": engine}).agent(agent_id="agent_a", now_ms=1)


@pytest.mark.parametrize(
    ("own", "agent_id", "version", "choice"),
    [
        (None, None, None, None),
        (None, None, 3, None),
        (OWN, None, None, OWN),
        (OWN, None, 3, AgentChoice("agent_own", 3)),
        (OWN, None, 0, AgentChoice("agent_own", 0)),
        (OWN, "agent_b", None, AgentChoice("agent_b")),
        (OWN, "agent_b", "live", AgentChoice("agent_b", "live")),
        (None, "agent_b", 2, AgentChoice("agent_b", 2)),
    ],
)
def test_who_is_asked_for_goes_before_who_was_drawn(
    own: AgentChoice | None, agent_id: str | None, version: int | str | None, choice: AgentChoice | None
) -> None:
    assert choose(own, agent_id=agent_id, version=version) == choice
    if choice:
        for begins in Outbound:
            chosen = choose_outbound(own, agent_id=agent_id, version=version, number="+14155550100", begins=begins)
            assert chosen == choice


@pytest.mark.parametrize(
    ("begins", "words"),
    [
        (Outbound.CALL, "+14155550100 has no outbound agent: give override_agent_id, or set outbound_agents with "),
        (
            Outbound.TEXT,
            "+14155550100 has no agent for text messages: give override_agent_id, or set outbound_sms_agents with ",
        ),
    ],
)
def test_a_number_without_agents_begins_nothing(begins: Outbound, words: str) -> None:
    with pytest.raises(NoAgentBound) as refused:
        choose_outbound(None, agent_id=None, version=None, number="+14155550100", begins=begins)
    assert str(refused.value) == f"{words}PATCH /update-phone-number"
    assert refused.value.http_status == 400


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (None, "agent agent_a not found"),
        (7, "agent agent_a version 7 not found"),
        ("x", "agent agent_a version x not found"),
    ],
)
def test_an_unknown_agent_or_version_is_named_by_everybody(version: int | str | None, words: str) -> None:
    choice = AgentChoice("agent_a", version)
    attempts: list[Callable[[], AnyAgent]] = [
        lambda: prepare_for_call(None, choice, None, serves=TEXT_AGENTS),
        lambda: prepare_for_text(None, choice),
    ]
    for prepare in attempts:
        with pytest.raises(UnknownAgent) as refused:
            prepare()
        assert (str(refused.value), refused.value.http_status) == (words, 422)
        assert refused.value.disconnection_reason == "error_unknown"


def test_an_override_holds_for_this_call_or_chat() -> None:
    override = AgentOverride.model_validate({"agent": {"agent_name": "Ada", "response_engine": TEXT}})
    agent = an_agent(AUDIO, agent_name="Bob")
    called = prepare_for_call(agent, ASKED, override, serves=TEXT_AGENTS)
    written: AnyAgent = prepare_for_text(agent, ASKED, override)
    chat = prepare_for_text(a_chat_agent(RETELL), ASKED, override)
    for prepared in (called, written, chat):
        assert (prepared.agent_name, prepared.response_engine.type) == ("Ada", "custom-llm")
    assert (agent.agent_name, agent.response_engine.type) == ("Bob", "audio-websocket")


def test_an_override_that_does_not_fit_is_refused_before_the_kind_is_looked_at() -> None:
    attempts: list[Callable[[], AnyAgent]] = [
        lambda: prepare_for_call(an_agent(RETELL), ASKED, UNFIT, serves=AUDIO_AGENTS),
        lambda: prepare_for_text(an_agent(RETELL), ASKED, UNFIT),
    ]
    for prepare in attempts:
        with pytest.raises(OverrideUnfit, match=r"^agent_override does not fit agent agent_a: ") as refused:
            prepare()
        assert refused.value.http_status == 400
        assert refused.value.disconnection_reason == "error_inbound_webhook"


@pytest.mark.parametrize(
    ("engine", "serves", "why"),
    [
        (AUDIO, AUDIO_AGENTS, None),
        (AUDIO, TEXT_AGENTS, None),
        (TEXT, TEXT_AGENTS, None),
        (RETELL, PROMPT_AGENTS, None),
        (TEXT, AUDIO_AGENTS, "set ARI_AGENT_SPEECH_TO_TEXT and ARI_AGENT_TEXT_TO_SPEECH, or use audio-websocket"),
        (RETELL, TEXT_AGENTS, "set ARI_AGENT_LLM_MODEL, or use audio-websocket"),
        (RETELL, AUDIO_AGENTS, "set ARI_AGENT_SPEECH_TO_TEXT and ARI_AGENT_TEXT_TO_SPEECH, or use audio-websocket"),
        (FLOW, PROMPT_AGENTS, None),
        (FLOW, TEXT_AGENTS, "set ARI_AGENT_LLM_MODEL, or use audio-websocket"),
    ],
)
def test_which_kinds_take_calls(engine: dict[str, Any], serves: Serves, why: str | None) -> None:
    agent = an_agent(engine)
    if why is None:
        assert engine_for_call(agent, serves=serves) == agent.response_engine
        assert prepare_for_call(agent, ASKED, None, serves=serves) == agent
        return
    with pytest.raises(UnservedAgent) as refused:
        prepare_for_call(agent, ASKED, None, serves=serves)
    kind = engine["type"]
    assert str(refused.value) == f"agent agent_a has a response_engine of type {kind}, which takes no calls; {why}"
    assert refused.value.http_status == 400
    assert refused.value.disconnection_reason == "error_llm_websocket_open"


@pytest.mark.parametrize("engine", [AUDIO, RETELL, FLOW])
@pytest.mark.parametrize("make", [an_agent, a_chat_agent])
def test_only_text_agents_write(make: Any, engine: dict[str, Any]) -> None:
    assert prepare_for_text(make(TEXT), ASKED) == make(TEXT)
    with pytest.raises(UnservedAgent) as refused:
        prepare_for_text(make(engine), ASKED)
    assert isinstance(refused.value, CallError)
    kind = engine["type"]
    model = "set ARI_AGENT_LLM_MODEL, or " if engine in (RETELL, FLOW) else ""
    assert str(refused.value) == (
        f"agent agent_a has a response_engine of type {kind}, which writes no text; {model}use custom-llm"
    )
    if model:
        assert prepare_for_text(make(engine), ASKED, serves=PROMPT_AGENTS) == make(engine)


@pytest.mark.parametrize(
    ("tags", "chosen", "tag"),
    [
        (None, None, None),
        (None, "latest", None),
        (("prod", "live"), "prod", "prod"),
        (("prod", "live"), 3, "live"),
        (("prod", "live"), None, "live"),
        (("prod", "live"), "latest_published", "live"),
    ],
)
def test_a_call_shows_the_tag_it_was_chosen_by_or_the_latest_of_its_version(
    tags: tuple[str, ...] | None, chosen: int | str | None, tag: str | None
) -> None:
    engine = {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:1/agent"}
    agent = AgentCreate.model_validate({"response_engine": engine}).agent(agent_id="agent_a", now_ms=1)
    assert agent_tag(agent.model_copy(update={"assigned_tags": tags}), chosen) == tag
