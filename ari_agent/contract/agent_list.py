"""POST /v2/list-agents (Retell, List Agents, 2026-08)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ari_agent.contract.agent import Agent
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.paging import Page
from ari_agent.contract.parsing.conditions import Conditions, FilteredList
from ari_agent.contract.parsing.model import AgentVersionNumber, ContractModel, Flag, Many, StringMap, Timestamp


class ChannelFilter(ContractModel):
    """Condition on the channel of an agent; only `ne` (not equal) negates, every other `op` compares for equality."""

    type: Literal["string"]
    op: Literal["eq", "ne", "sw", "ew", "co"]
    value: Literal["voice", "chat"]


class TransferAgentFilter(ContractModel):
    """Condition that holds for transfer agents (true) or for all other agents (false)."""

    type: Literal["boolean"]
    op: Literal["eq"]
    value: Flag


class AgentFilters(Conditions):
    """Conditions on an agent, all of which must hold. query: a part of its name or id, in upper or lower case."""

    MEANT: ClassVar[Mapping[str, str]] = {"agent_id": "query", "agent_name": "query", "name": "query"}

    channel: ChannelFilter | None = None
    is_transfer_agent: TransferAgentFilter | None = None
    query: Annotated[str, Field(max_length=1000)] | None = None

    def match(self, agent: AnyAgent) -> bool:
        """Whether all conditions hold for the agent."""
        if self.channel is not None and (_channel(agent) == self.channel.value) is (self.channel.op == "ne"):
            return False
        if self.is_transfer_agent is not None and _is_transfer_agent(agent) is not self.is_transfer_agent.value:
            return False
        wanted = (self.query or "").casefold()
        return wanted in (agent.agent_name or "").casefold() or wanted in agent.agent_id.casefold()


def _channel(agent: AnyAgent) -> Literal["voice", "chat"]:
    return "voice" if isinstance(agent, Agent) else "chat"


def _is_transfer_agent(agent: AnyAgent) -> bool:
    return isinstance(agent, Agent) and agent.is_transfer_agent


class AgentListRequest(FilteredList):
    """Body of POST /v2/list-agents, whose page is chosen in the query string."""

    CONDITIONS: ClassVar[type[Conditions]] = AgentFilters

    filter_criteria: AgentFilters | None = None


class TagAssignment(ContractModel):
    """The version of an agent that a tag stands for."""

    version: AgentVersionNumber | None = None
    dynamic_variables: StringMap | None = None


class AgentSummary(ContractModel):
    """An agent as an item of a list. channel: `voice` for agents for calls, `chat` for chat agents."""

    agent_id: str
    agent_name: str
    channel: Literal["voice", "chat"]
    is_suspended: Flag = False
    is_transfer_agent: Flag | None = None
    tags: dict[str, TagAssignment] = Field(default_factory=dict)
    user_modified_timestamp: Timestamp

    @classmethod
    def of(cls, agent: AnyAgent, tags: Mapping[str, int] = MappingProxyType({})) -> AgentSummary:
        """Make the list item of an agent. tags: the version that each of its tags stands for."""
        return cls(
            agent_id=agent.agent_id,
            agent_name=agent.agent_name or "",
            channel=_channel(agent),
            is_transfer_agent=_is_transfer_agent(agent),
            tags={tag: TagAssignment(version=version) for tag, version in tags.items()},
            user_modified_timestamp=agent.last_modification_timestamp,
        )


class AgentPage(Page):
    """Answer of POST /v2/list-agents."""

    items: Many[AgentSummary]
