"""The nodes of a flow, one class a type (Retell, Conversation Flow, 2026-11).

FlowNode
├── ConversationNode      talks with the user until a way out is taken
├── FunctionNode          runs a tool of the flow
├── TransferCallNode      transfers the call; goes on where that fails
├── PressDigitNode        presses keys of a phone menu
├── BranchNode            chooses a way at once, without a word
├── ExtractVariablesNode  keeps what was said as dynamic variables
└── EndNode               ends the call
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from ari_agent.contract.agent_options import CustomSttConfig
from ari_agent.contract.flow_edges import Edges, Examples, FlowEdge, GlobalNodeSetting, TransitionExamples
from ari_agent.contract.llm_tools import (
    DEFAULT_PRESS_DELAY_MS,
    ByeHeaders,
    ExtractedVariables,
    PressDelay,
    TransferFields,
)
from ari_agent.contract.model_settings import ModelName, Prompt, refuse_knowledge
from ari_agent.contract.parsing.model import (
    ContractModel,
    Count,
    Flag,
    Fraction,
    Identifier,
    JsonObject,
    Strings,
    UpToTwo,
    refuse_types,
)


class PromptInstruction(ContractModel):
    """What the model is told to say something about."""

    type: Literal["prompt"]
    text: Prompt


class StaticInstruction(ContractModel):
    """What the agent says, word for word; it may hold `{{dynamic_variables}}`."""

    type: Literal["static_text"]
    text: Prompt


Instruction = Annotated[PromptInstruction | StaticInstruction, Field(discriminator="type")]


class ModelChoice(ContractModel):
    """The model that answers."""

    type: Literal["cascading"] = "cascading"
    model: ModelName
    high_priority: Flag | None = None
    ultrafast: Flag | None = None


class _Node(ContractModel):
    """What all nodes have. name: for people. model_choice: None for that of the flow.

    display_position: where an editor draws the node; kept for it.
    """

    id: Identifier
    name: str | None = None
    model_choice: ModelChoice | None = None
    global_node_setting: GlobalNodeSetting | None = None
    display_position: JsonObject | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_model_config(cls, given: Any) -> Any:
        config = given.get("model_config") if isinstance(given, dict) else None
        if not isinstance(config, dict):
            return given
        if config.get("type", "cascading") != "cascading":
            raise ValueError("model_config of type s2s is not served here; expected cascading")
        if not isinstance(primary := config.get("primary"), dict):
            return given
        return {**given, "model_choice": {"model": primary.get("model")}}

    @property
    def model(self) -> str | None:
        """Return the name of the model that answers in this node; None for that of the flow."""
        return self.model_choice.model if self.model_choice else None

    def ways(self) -> Iterator[FlowEdge]:
        """Yield every way out of the node, whatever it is taken for."""
        yield from ()


class _NodeWithEdges(_Node):
    """What nodes have that lead to others. else_edge: the way where the condition of none of the edges holds."""

    edges: Edges | None = None
    else_edge: FlowEdge | None = None
    finetune_transition_examples: TransitionExamples | None = None

    def ways(self) -> Iterator[FlowEdge]:
        """Yield every way out of the node, whatever it is taken for."""
        yield from self.edges or ()
        if self.else_edge:
            yield self.else_edge


class ConversationNode(_NodeWithEdges):
    """Says something, waits for the user, and chooses a way out by the answer, or stays.

    always_edge: the way that is taken once the user has answered, whatever it was; edges beside it are not looked at.
    skip_response_edge: the way that is taken as soon as the agent has spoken, without waiting for the user.
    skippable: the node may be passed over where its questions have been answered before.
    The settings of the same names of the agent are replaced while the node is the current one.
    """

    type: Literal["conversation"]
    instruction: Instruction
    always_edge: FlowEdge | None = None
    skip_response_edge: FlowEdge | None = None
    skippable: Flag | None = None
    finetune_conversation_examples: Examples | None = None
    interruption_sensitivity: Fraction | None = None
    responsiveness: Fraction | None = None
    voice_speed: Annotated[UpToTwo, Field(ge=0.5)] | None = None
    reminder_trigger_ms: Annotated[float, Field(strict=True, gt=0)] | None = None
    reminder_max_count: Count | None = None
    allow_dtmf_interruption: Flag | None = None
    boosted_keywords: Strings | None = None
    stt_mode: Literal["fast", "accurate", "custom"] | None = None
    custom_stt_config: CustomSttConfig | None = None
    knowledge_base_ids: Strings | None = None
    kb_config: JsonObject | None = None

    @field_validator("knowledge_base_ids")
    @classmethod
    def _refuse_knowledge(cls, ids: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return refuse_knowledge(ids)

    def ways(self) -> Iterator[FlowEdge]:
        """Yield every way out of the node, whatever it is taken for."""
        yield from super().ways()
        yield from (edge for edge in (self.always_edge, self.skip_response_edge) if edge)


class FunctionNode(_NodeWithEdges):
    """Runs the tool with this tool_id of the flow's `tools`, and then chooses a way out.

    wait_for_result: the way is chosen when the tool has answered, and not while it runs.
    speak_during_execution: the agent says `instruction` meanwhile; without one the model finds words.
    """

    type: Literal["function"]
    tool_id: Identifier
    tool_type: Literal["local", "shared"] = "local"
    wait_for_result: Flag = True
    speak_during_execution: Flag = False
    instruction: Instruction | None = None
    enable_typing_sound: Flag = False

    @field_validator("tool_type")
    @classmethod
    def _refuse_shared(cls, kind: str) -> str:
        if kind == "shared":
            raise ValueError("there are no tools that flows share here: put it into the flow's tools and write local")
        return kind


class _LastWords(_Node):
    """What nodes have that may say something before they act.

    speak_during_execution: the agent says `instruction` first; without one the model finds words.
    """

    speak_during_execution: Flag = False
    instruction: Instruction | None = None


class TransferCallNode(TransferFields, _LastWords):
    """Transfers the call. edge: the way that is taken where the transfer fails."""

    type: Literal["transfer_call"]
    edge: FlowEdge

    def ways(self) -> Iterator[FlowEdge]:
        """Yield every way out of the node, whatever it is taken for."""
        yield self.edge


class PressDigitNode(_NodeWithEdges):
    """Presses the keys that the model finds by `instruction`, `delay_ms` after it has, and listens to the menu."""

    type: Literal["press_digit"]
    instruction: PromptInstruction
    delay_ms: PressDelay = DEFAULT_PRESS_DELAY_MS


class BranchNode(_NodeWithEdges):
    """Chooses a way out at once and says nothing."""

    type: Literal["branch"]
    else_edge: FlowEdge


class ExtractVariablesNode(_NodeWithEdges):
    """Keeps what the model finds in the conversation as dynamic variables, and then chooses a way out."""

    type: Literal["extract_dynamic_variables"]
    variables: ExtractedVariables
    enable_typing_sound: Flag = False


class EndNode(_LastWords):
    """Ends the call."""

    type: Literal["end"]
    custom_sip_headers: ByeHeaders | None = None


_FOR_FUNCTIONS: Final = "let a function node ask a server of yours, by a tool of type custom"
_FOR_TRANSFER_AGENTS: Final = "flows are no transfer agents here"
_UNSERVED: Final[Mapping[str, str]] = {
    "agent_swap": "put the other agent's nodes into this flow",
    "bridge_transfer": _FOR_TRANSFER_AGENTS,
    "cancel_transfer": _FOR_TRANSFER_AGENTS,
    "code": _FOR_FUNCTIONS,
    "component": "put its nodes into the flow itself",
    "mcp": _FOR_FUNCTIONS,
    "sms": _FOR_FUNCTIONS,
    "subagent": "make a conversation node of its instruction, and function nodes of its tools",
}
"""The other types that Retell has, and what to do instead."""


FlowNode = Annotated[
    Annotated[
        ConversationNode
        | FunctionNode
        | TransferCallNode
        | PressDigitNode
        | BranchNode
        | ExtractVariablesNode
        | EndNode,
        Field(discriminator="type"),
    ],
    refuse_types("nodes", _UNSERVED),
]
