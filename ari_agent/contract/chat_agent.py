"""A chat agent: what answers text messages, and nothing else (Retell, Create Chat Agent, 2026-08).

It has no voice; its ids, versions and tags are those of agents. An agent of calls may answer texts too.

ChatAgentSettings     every setting, each with its default
├── ChatAgentCreate   POST /create-chat-agent: response_engine required
├── ChatAgentUpdate   PATCH /update-chat-agent: what is given changes, what is not stays (`changes()`)
└── ChatAgent         what the API answers: with id, version and times
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar, cast

from pydantic import Field, RootModel

from ari_agent.contract.agent import Agent
from ari_agent.contract.agent_base import AgentIdentity, CommonSettings, EngineUpdate
from ari_agent.contract.agent_options import (
    BooleanAnalysis,
    EnumAnalysis,
    NumberAnalysis,
    StringAnalysis,
)
from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.parsing.model import (
    INTEGRAL,
    ContractModel,
    DataStorageSetting,
    Flag,
    Identifier,
    Many,
)
from ari_agent.contract.response_engine import ResponseEngine

ChatWebhookEvent = Literal["chat_started", "chat_ended", "chat_analyzed", "transcript_updated"]
DEFAULT_CHAT_WEBHOOK_EVENTS: Final[tuple[ChatWebhookEvent, ...]] = ("chat_started", "chat_ended", "chat_analyzed")

_CHANNEL: Final = {"channel": "chat"}
"""The key that marks the record of a chat agent in the database; that of an agent for calls lacks it."""


class ChatPresetAnalysis(ContractModel):
    """A prompt that replaces the one of a built-in result of post-chat analysis."""

    type: Literal["system-presets"]
    name: Literal["chat_summary", "chat_successful", "user_sentiment"]
    description: str | None = None
    required: Flag | None = None
    conditional_prompt: str | None = None


PostChatAnalysis = Annotated[
    StringAnalysis | EnumAnalysis | BooleanAnalysis | NumberAnalysis | ChatPresetAnalysis, Field(discriminator="type")
]


class ChatAgentSettings(CommonSettings):
    """All settings of a chat agent, each with its default; times are in milliseconds.

    auto_close_message: the text that the agent sends when a chat ends because the user has not written.
    """

    auto_close_message: Annotated[str, Field(max_length=16_384)] | None = Field(
        default=None, description="What is written when a chat ends because the user is silent."
    )
    end_chat_after_silence_ms: Annotated[int, Field(strict=True, ge=120_000, le=259_200_000), INTEGRAL] | None = Field(
        default=3_600_000, description="How long the user may be silent before the chat is ended."
    )

    webhook_events: Many[ChatWebhookEvent] | None = Field(
        default=DEFAULT_CHAT_WEBHOOK_EVENTS,
        description="Which events are sent; null: those that begin, end and analyse a conversation.",
    )

    data_storage_setting: DataStorageSetting | None = Field(
        default="everything", description="How much of a conversation is kept."
    )
    post_chat_analysis_data: Many[PostChatAnalysis] | None = Field(
        default=None, description="What a model is asked about each chat once it is over."
    )
    post_chat_analysis_model: Identifier | None = Field(default=None, description="The model that is asked.")


class ChatAgentCreate(ChatAgentSettings):
    """Body of POST /create-chat-agent."""

    response_engine: ResponseEngine

    def agent(self, *, agent_id: str, now_ms: int, version: int = 0) -> ChatAgent:
        """Make a new chat agent with these settings. now_ms: the time, in milliseconds since 1970."""
        return ChatAgent.model_validate(
            {**self.changes(), "agent_id": agent_id, "version": version, "last_modification_timestamp": now_ms}
        )


class ChatAgentUpdate(EngineUpdate, ChatAgentSettings):
    """Body of PATCH /update-chat-agent. Read `changes()` only: an attribute that was not given has a default here."""

    def apply(self, agent: ChatAgent, *, now_ms: int) -> ChatAgent:
        """Return a copy of the chat agent with these changes. now_ms: the time, in milliseconds since 1970."""
        return ChatAgent.model_validate({**agent.changes(), **self.changes(), "last_modification_timestamp": now_ms})


class ChatAgent(AgentIdentity, ChatAgentSettings):
    """A chat agent, as the API answers it."""

    response_engine: ResponseEngine

    def as_record(self) -> dict[str, Any]:
        """The object as the database stores it, with a key that says that it is a chat agent."""
        return {**super().as_record(), **_CHANNEL}


AnyAgent = Agent | ChatAgent
AnyAgentT = TypeVar("AnyAgentT", bound=AnyAgent)


class EitherAgent(RootModel[AnyAgent]):
    """Answer of the paths that serve agents for calls and chat agents alike."""


def agent_of(record: Mapping[str, Any]) -> AnyAgent:
    """The agent, of either kind, in a record of the database; raises pydantic.ValidationError if it is not one."""
    return kind_of(record).model_validate(record)


def kind_of(record: Mapping[str, Any]) -> type[AnyAgent]:
    """The class of the agent in a record of the database."""
    return ChatAgent if _CHANNEL.items() <= record.items() else Agent


def overridden(agent: AnyAgentT, override: AgentOverride) -> AnyAgentT:
    """The agent of this call or chat. pydantic.ValidationError if the settings do not fit one another.

    An override has the settings of agents of calls; of those, a chat agent takes the ones that it has too, but for
    `webhook_events`, which name calls, and `dial_policy`, which nobody can widen for one chat.
    """
    if isinstance(agent, Agent):
        return cast(AnyAgentT, override.apply(agent))
    changes = override.agent.changes() if override.agent else {}
    kept = {"webhook_events", "dial_policy"}
    own = {key: value for key, value in changes.items() if key in ChatAgent.model_fields and key not in kept}
    return cast(AnyAgentT, ChatAgent.model_validate({**agent.changes(), **own}))
