"""What an agent's settings come to on an installation: who listens and speaks for it, and which model answers."""

from __future__ import annotations

from typing import Any

import pytest

from ari_agent.console.agents.installation import Fact, Installation
from ari_agent.contract.agent import Agent
from ari_agent.contract.chat_agent import ChatAgent
from ari_agent.contract.retell_llm import RetellLlm
from ari_agent.routing.agent_choice import PROMPT_AGENTS, TEXT_AGENTS
from ari_agent.speech.voice_name import VoiceRefused
from ari_agent.speech.voices import Voices

AUDIO = {"type": "audio-websocket", "audio_websocket_url": "wss://a.example"}
CUSTOM = {"type": "custom-llm", "llm_websocket_url": "wss://a.example"}
PROMPT = {"type": "retell-llm", "llm_id": "llm_1"}


def only_flite(voice_id: str | None) -> str | None:
    if voice_id and not voice_id.startswith("flite-"):
        raise VoiceRefused(f"flite has no voice {voice_id}")
    return voice_id and voice_id.removeprefix("flite-")


NOTHING = Installation()
SPEECH = Installation(serves=TEXT_AGENTS, listens="moonshine", speaks="flite", voices=Voices(only_flite, "flite-slt"))
NO_FALLBACK = Installation(serves=TEXT_AGENTS, listens="moonshine", speaks="flite", voices=Voices(only_flite))
MODELS = Installation(serves=PROMPT_AGENTS, listens="x", speaks="flite", llm_model="big", speaking_model=True)
NO_SPEAKING = Installation(serves=PROMPT_AGENTS, listens="x", speaks="flite", llm_model="big", webhook_url="https://w")


def agent(engine: dict[str, Any], **settings: Any) -> Agent:
    voice = {} if engine is AUDIO else {"voice_id": "flite-rms"}
    identity = {"agent_id": "agent_1", "last_modification_timestamp": 1}
    return Agent.model_validate({"response_engine": engine, **voice, **identity, **settings})


def prompt(**settings: Any) -> RetellLlm:
    return RetellLlm.model_validate({"llm_id": "llm_1", "last_modification_timestamp": 1, **settings})


CASES = [
    (
        NOTHING,
        agent(AUDIO),
        None,
        Fact("Hears and speaks", "by itself, mulaw at 8000 Hz, with messages as twilio has them"),
    ),
    (NOTHING, agent(AUDIO), None, Fact("Webhooks", "are not sent")),
    (NO_SPEAKING, agent(AUDIO), None, Fact("Webhooks", "to the account's URL, https://w")),
    (NOTHING, agent(CUSTOM), None, Fact("Hears", "nobody is set up", is_problem=True)),
    (NOTHING, agent(CUSTOM), None, Fact("Speaks", "nobody is set up", is_problem=True)),
    (SPEECH, agent(CUSTOM), None, Fact("Hears", "by moonshine")),
    (SPEECH, agent(CUSTOM), None, Fact("Speaks", "by flite, with its voice rms")),
    (SPEECH, agent(CUSTOM), None, Fact("Answers", "by its own server, in text")),
    (
        SPEECH,
        agent(CUSTOM, voice_id="11labs-Adrian"),
        None,
        Fact("Speaks", "by flite, with its voice slt, in place of 11labs-Adrian, which is not flite's"),
    ),
    (NO_FALLBACK, agent(CUSTOM, voice_id="no"), None, Fact("Speaks", "flite has no voice no", is_problem=True)),
    (NO_SPEAKING, agent(PROMPT), prompt(), Fact("Answers", "by big, as ARI_AGENT_LLM_MODEL says")),
    (NO_SPEAKING, agent(PROMPT), prompt(model="own"), Fact("Answers", "by own")),
    (NO_SPEAKING, agent(PROMPT), None, Fact("Answers", "llm_1 is not there", is_problem=True)),
    (
        NO_SPEAKING,
        agent({**PROMPT, "version": 3}),
        None,
        Fact("Answers", "llm_1 in version 3 is not there", is_problem=True),
    ),
    (SPEECH, agent(PROMPT), prompt(), Fact("Answers", "no model is set up: set ARI_AGENT_LLM_MODEL", is_problem=True)),
    (
        NO_SPEAKING,
        agent(PROMPT),
        prompt(s2s_model="s"),
        Fact("Answers", "by big, as ARI_AGENT_LLM_MODEL says; its s2s_model s needs ARI_AGENT_REALTIME_API_KEY", True),
    ),
    (MODELS, agent(PROMPT), prompt(s2s_model="s"), Fact("Answers", "by s, in calls")),
    (
        MODELS,
        agent(PROMPT),
        prompt(s2s_model="s"),
        Fact("Hears and speaks", "by its model s; voice_id is for that model's server"),
    ),
]


@pytest.mark.parametrize(("here", "wanted", "engine", "expected"), CASES)
def test_what_it_comes_to_is_said(here: Installation, wanted: Agent, engine: RetellLlm | None, expected: Fact) -> None:
    assert expected in here.facts(wanted, engine)


def test_an_agent_that_takes_no_calls_says_what_would_be_right() -> None:
    why = NOTHING.unserved(agent(CUSTOM))
    assert "ARI_AGENT_SPEECH_TO_TEXT" in why
    assert Fact("Calls", why, is_problem=True) in NOTHING.facts(agent(CUSTOM), None)
    assert NOTHING.unserved(agent(AUDIO)) == ""


def test_an_agent_without_a_url_of_the_account_sends_webhooks_to_its_own() -> None:
    facts = NOTHING.facts(agent(AUDIO, webhook_url="https://own.example"), None)
    assert [fact.name for fact in facts] == ["Hears and speaks"]


def test_a_chat_agent_takes_no_calls_and_that_is_no_problem() -> None:
    identity = {"agent_id": "agent_1", "last_modification_timestamp": 1}
    chat = ChatAgent.model_validate({"response_engine": PROMPT, **identity})
    assert "takes no calls" in MODELS.unserved(chat)
    assert not any(fact.is_problem for fact in MODELS.facts(chat, prompt()))
