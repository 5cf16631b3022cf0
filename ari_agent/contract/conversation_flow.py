"""A graph of nodes that a `conversation-flow` agent goes through (Retell, Create Conversation Flow, 2026-11).

FlowSettings            every setting, each with its default
├── FlowCreate          POST /create-conversation-flow
├── FlowUpdate          PATCH /update-conversation-flow: what is given changes, what is not stays
└── ConversationFlow    what the API answers: with id, version and time
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Self

from pydantic import ConfigDict, Field, model_validator

from ari_agent.contract.flow_nodes import FlowNode, ModelChoice
from ari_agent.contract.llm_tools import MAX_TOOLS, CustomTool
from ari_agent.contract.model_settings import EngineVersion, ModelSettings, Prompt, first_double
from ari_agent.contract.paging import Page
from ari_agent.contract.parsing.model import Flag, Identifier, JsonObject, Many, without_defaults

MAX_NODES: Final = 500
_MAX_NOTES: Final = 500


class FlowTool(CustomTool):
    """A tool that function nodes run. tool_id: what they name it by."""

    tool_id: Identifier | None = None


class FlowSettings(ModelSettings):
    """All settings of a flow. model_choice: None for the server's own model.

    start_node_id: None for the first of the nodes. global_prompt: what the model is told in every node.
    begin_message: what the agent says in place of the first words of the start node; "": the user speaks first. It is
    no part of Retell's flow, but of what an `agent_override` may change of it.
    begin_tag_display_position, notes: for an editor that draws the flow; kept for it.
    """

    UNSERVED: ClassVar[Mapping[str, str]] = {
        "components": "put their nodes into nodes",
        "flex_mode": "make a retell-llm of the prompts",
        "mcps": "make each of their tools one of tools, of type custom",
    }

    nodes: Annotated[Many[FlowNode], Field(max_length=MAX_NODES)] = ()
    start_node_id: Identifier | None = None
    global_prompt: Prompt | None = None
    tools: Annotated[Many[FlowTool], Field(max_length=MAX_TOOLS)] | None = None
    model_choice: ModelChoice | None = None
    is_transfer_cf: Flag | None = None
    begin_tag_display_position: JsonObject | None = None
    notes: Annotated[Many[JsonObject], Field(max_length=_MAX_NOTES)] | None = None

    @model_validator(mode="after")
    def _check_graph(self) -> Self:
        if not self.nodes:
            raise ValueError("nodes: a flow needs at least one")
        if double := first_double(node.id for node in self.nodes):
            raise ValueError(f"nodes: two have the id {double}")
        if double := first_double(tool.tool_id for tool in self.tools or () if tool.tool_id is not None):
            raise ValueError(f"tools: two have the tool_id {double}")
        if double := first_double(tool.name for tool in self.tools or ()):
            raise ValueError(f"tools: two have the name {double}")
        if self.start_node_id is not None and self.node(self.start_node_id) is None:
            raise ValueError(f"start_node_id: there is no node {self.start_node_id}; expected the id of one of nodes")
        self._check_ways()
        return self

    def _check_ways(self) -> None:
        nodes, tools = {node.id for node in self.nodes}, {tool.tool_id for tool in self.tools or ()}
        for node in self.nodes:
            if double := first_double(edge.id for edge in node.ways()):
                raise ValueError(f"nodes: two edges of {node.id} have the id {double}")
            for edge in node.ways():
                if edge.destination_node_id is not None and edge.destination_node_id not in nodes:
                    raise ValueError(
                        f"nodes: edge {edge.id} of {node.id} leads to {edge.destination_node_id}, which is none"
                    )
            if node.type == "function" and node.tool_id not in tools:
                raise ValueError(f"nodes: {node.id} runs {node.tool_id}, which is the tool_id of none of tools")

    @property
    def model(self) -> str | None:
        """Return the name of the model that answers; None for the server's own."""
        return self.model_choice.model if self.model_choice else None

    @property
    def start_node(self) -> FlowNode:
        """Return the node in which a conversation begins."""
        return self.node(self.start_node_id) or self.nodes[0]

    def node(self, node_id: str | None) -> FlowNode | None:
        """Return the node of this id, or None."""
        return next((node for node in self.nodes if node.id == node_id), None)

    def tool(self, tool_id: str) -> FlowTool | None:
        """Return the tool of this id, or None."""
        return next((tool for tool in self.tools or () if tool.tool_id == tool_id), None)

    @classmethod
    def _choice_of(cls, model: object) -> dict[str, object]:
        return {"model_choice": {"model": model}}


class FlowCreate(FlowSettings):
    """A flow that a client wants made."""

    nodes: Annotated[Many[FlowNode], Field(max_length=MAX_NODES)]


class FlowUpdate(FlowSettings):
    """Changes of a flow: what is left out stays as it is. Checked as a whole once they are applied."""

    model_config = ConfigDict(json_schema_extra=without_defaults)

    @model_validator(mode="after")
    def _check_graph(self) -> Self:
        return self  # what is left out decides, too: see EngineVersion.changed


class ConversationFlow(FlowSettings, EngineVersion):
    """A flow, as the API answers it."""

    ID: ClassVar[str] = "conversation_flow_id"

    conversation_flow_id: Identifier


class FlowPage(Page):
    """A page of flows, in their latest versions."""

    items: Many[ConversationFlow]
