"""Which agent takes a call or chat, however that begins: choose one, look it up, prepare it. Pure.

    step      what it does                                                              here
    choose    takes the agent that is asked for, else the one that was drawn by weight  choose, choose_outbound
    find      looks it up in the store: the one step that waits                         the caller's: Agents.get, .any
    prepare   applies agent_override, and checks that this kind of agent can do it      prepare_for_call, _for_text

Every entry takes these steps, and whoever is refused reads the same words:

    refused, because                     words                                       status   an inbound call's record
    nobody is asked for, and none bound  +1415... has no outbound agent: ...         400      (none, see decide)
    the agent or version is not there    agent agent_x version 7 not found           422      error_unknown
    the override does not fit            agent_override does not fit agent ...       400      error_inbound_webhook
    its kind takes no calls, no texts    agent agent_x has a response_engine of ...  400      error_llm_websocket_open

The entries are create-phone-call and create-batch-call (originator.py), register-call, register-phone-call and
create-web-call (registrar.py), create-chat and create-sms-chat (chat_service.py), and what comes in by itself, calls
(inbound_router.py) and texts (chat_router.py). An agent of calls may answer texts too; calls know no chat agent.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from pydantic import ValidationError

from ari_agent.contract.agent import Agent
from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.chat_agent import AnyAgent, AnyAgentT, overridden
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.response_engine import CustomLlmEngine, PromptEngine, ServedEngine, TextEngine
from ari_agent.errors import NoAgentBound, OverrideUnfit, UnknownAgent, UnservedAgent

Serves: TypeAlias = Collection[str]
"""The types of engines that can take a call, by what is set up: speech for text agents, and a model for prompts."""
AUDIO_AGENTS: Final[Serves] = frozenset({"audio-websocket"})
TEXT_AGENTS: Final[Serves] = frozenset({*AUDIO_AGENTS, "custom-llm"})
PROMPT_AGENTS: Final[Serves] = frozenset({*TEXT_AGENTS, "retell-llm", "conversation-flow"})
_SPEECH: Final = "set ARI_AGENT_SPEECH_TO_TEXT and ARI_AGENT_TEXT_TO_SPEECH, or "
_MODEL: Final = "set ARI_AGENT_LLM_MODEL, or "


@dataclass(frozen=True, slots=True)
class AgentChoice:
    """An agent by id. version: an integer, a tag, `latest` or `latest_published`; None means the latest too."""

    agent_id: str
    version: int | str | None = None


class Outbound(Enum):
    """What an agent is to begin: how the number's agents for it are called, and their field of the API."""

    CALL = ("outbound agent", "outbound_agents")
    TEXT = ("agent for text messages", "outbound_sms_agents")


def choose(own: AgentChoice | None, *, agent_id: str | None, version: int | str | None) -> AgentChoice | None:
    """Take the agent that is asked for, else the number's own; None if there is neither.

    own: as drawn by weight. agent_id: instead of it. version: of agent_id; without one, of the number's own agent.
    """
    if agent_id:
        return AgentChoice(agent_id, version)
    if own and version is not None:
        return AgentChoice(own.agent_id, version)
    return own


def choose_outbound(
    own: AgentChoice | None, *, agent_id: str | None, version: int | str | None, number: str, begins: Outbound
) -> AgentChoice:
    """Choose the agent that begins a call or chat from this number; like `choose`, but there must be one.

    number: for the message. begins: what the agent is to begin.

    Raises:
        NoAgentBound: there is neither.
    """
    choice = choose(own, agent_id=agent_id, version=version)
    if choice is None:
        agent, field = begins.value
        raise NoAgentBound(number, agent, field)
    return choice


def prepare_for_call(
    found: Agent | None, choice: AgentChoice, override: AgentOverride | None, *, serves: Serves
) -> Agent:
    """Make the agent ready for one call. serves: see `engine_for_call`.

    found: what the store has under `choice`. override: settings for this call alone.

    Raises:
        UnknownAgent: the store has no such agent, or not this version.
        OverrideUnfit: with the override its settings do not fit one another.
        UnservedAgent: it is of a kind that takes no calls.
    """
    agent = apply_override(found, choice, override)
    engine_for_call(agent, serves=serves)
    return agent


def prepare_for_text(
    found: AnyAgent | None,
    choice: AgentChoice,
    override: AgentOverride | None = None,
    *,
    serves: Serves = TEXT_AGENTS,
) -> AnyAgent:
    """Make the agent ready for one chat; everything else is as with `prepare_for_call`.

    Raises:
        UnservedAgent: it is of a kind that writes no text.
    """
    agent = apply_override(found, choice, override)
    engine = agent.response_engine
    if isinstance(engine, CustomLlmEngine) or (isinstance(engine, PromptEngine) and engine.type in serves):
        return agent
    lacks = _MODEL if isinstance(engine, PromptEngine) else ""
    raise UnservedAgent(agent.agent_id, engine.type, f"writes no text; {lacks}use custom-llm")


def apply_override(found: AnyAgentT | None, choice: AgentChoice, override: AgentOverride | None) -> AnyAgentT:
    """Apply the settings that hold for one call or chat, whatever kind of agent it is.

    Raises:
        UnknownAgent, OverrideUnfit: as in `prepare_for_call`.
    """
    if found is None:
        raise UnknownAgent(choice.agent_id, choice.version)
    if override is None:
        return found
    try:
        return overridden(found, override)
    except ValidationError as error:
        raise OverrideUnfit(found.agent_id, explain(error, root="settings")) from None


def engine_for_call(agent: Agent, *, serves: Serves) -> ServedEngine:
    """Return the agent's engine, which is of a kind that takes calls. serves: what is set up here.

    Raises:
        UnservedAgent: it is of another kind; says what would be right.
    """
    engine = agent.response_engine
    if isinstance(engine, ServedEngine) and engine.type in serves:
        return engine
    lacks = ""
    if isinstance(engine, TextEngine):
        lacks = _SPEECH if "custom-llm" not in serves else _MODEL
    raise UnservedAgent(agent.agent_id, engine.type, f"takes no calls; {lacks}use audio-websocket")


def agent_tag(agent: AnyAgent, chosen: int | str | None) -> str | None:
    """Find the tag that the record of a call or chat shows: the one it was chosen by, else its version's latest.

    chosen: the version reference. The record keeps its tag whatever becomes of it later (Retell, Get Call, 2026-08).
    """
    tags = agent.assigned_tags or ()
    return chosen if isinstance(chosen, str) and chosen in tags else next(reversed(tags), None)
