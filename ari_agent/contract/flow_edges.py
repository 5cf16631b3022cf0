"""The ways between the nodes of a flow, and when they are taken (Retell, Conversation Flow, 2026-11)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from ari_agent.contract.model_settings import Prompt
from ari_agent.contract.parsing.model import ContractModel, Identifier, Many

MAX_EDGES: Final = 100
"""Of one node: each is a part of every request to the model."""
_MAX_EQUATIONS: Final = 50
_MAX_EXAMPLES: Final = 100
_UNARY: Final = frozenset({"exists", "not_exist"})

_Side = Annotated[str, Field(max_length=1024)]
Operator = Literal["==", "!=", ">", ">=", "<", "<=", "contains", "not_contains", "exists", "not_exist"]


class Equation(ContractModel):
    """A comparison of texts, in which `{{name}}` stands for a dynamic variable. right: not for exists and not_exist."""

    left: Annotated[_Side, Field(min_length=1)]
    operator: Operator
    right: _Side | None = None

    @model_validator(mode="after")
    def _check_right(self) -> Self:
        if self.right is None and self.operator not in _UNARY:
            raise ValueError(f"{self.operator} compares left with right: right is missing")
        return self


class PromptCondition(ContractModel):
    """A condition in words, which the model judges by the conversation."""

    type: Literal["prompt"]
    prompt: Annotated[Prompt, Field(min_length=1)]


class _Equations(ContractModel):
    """Comparisons of which all (`&&`) or one (`||`) must hold."""

    equations: Annotated[Many[Equation], Field(min_length=1, max_length=_MAX_EQUATIONS)]
    operator: Literal["||", "&&"]


class EquationCondition(_Equations):
    """A condition on dynamic variables, which needs no model."""

    type: Literal["equation"]


class EquationPromptCondition(_Equations):
    """A condition on dynamic variables, and where they hold one in words beside it; None: they are enough."""

    type: Literal["equation_prompt"]
    prompt_condition: PromptCondition | None = None


TransitionCondition = Annotated[PromptCondition | EquationCondition, Field(discriminator="type")]


class GoBackCondition(ContractModel):
    """When the conversation goes back to the node from which a global node was reached."""

    id: Identifier
    transition_condition: TransitionCondition


class FlowEdge(GoBackCondition):
    """A way to another node, and when it is taken.

    The condition of a node's `else_edge`, `always_edge`, `skip_response_edge` and `edge` says nothing: those names do.
    destination_node_id: None for a way that leads nowhere yet and is never taken.
    """

    destination_node_id: Identifier | None = None


Edges = Annotated[Many[FlowEdge], Field(max_length=MAX_EDGES)]
"""The ways out of a node, tried in their order: equations first, and if none holds the model judges the prompts."""


class ExampleUtterance(ContractModel):
    """A line of an example conversation: what was said (`content`), or the call of a tool, or its result."""

    role: Literal["agent", "user", "tool_call_invocation", "tool_call_result"]
    content: Prompt | None = None
    name: str | None = None
    arguments: str | None = None
    tool_call_id: str | None = None

    @model_validator(mode="after")
    def _check_content(self) -> Self:
        needed = ("name", "arguments") if self.role == "tool_call_invocation" else ("content",)
        for name in needed:
            if getattr(self, name) is None:
                raise ValueError(f"{name} is missing, which a line of role {self.role} has")
        return self


class FinetuneExample(ContractModel):
    """A conversation that shows the model how it should go on, or when a way is taken. id: None in a global node."""

    id: Identifier | None = None
    transcript: Annotated[Many[ExampleUtterance], Field(max_length=200)]


class TransitionExample(FinetuneExample):
    """A conversation after which the way to this node is taken; None: no way is, and the node goes on."""

    destination_node_id: Identifier | None = None


Examples = Annotated[Many[FinetuneExample], Field(max_length=_MAX_EXAMPLES)]
TransitionExamples = Annotated[Many[TransitionExample], Field(max_length=_MAX_EXAMPLES)]


GlobalCondition = Annotated[PromptCondition | EquationCondition | EquationPromptCondition, Field(discriminator="type")]


def _typed(condition: Any) -> Any:
    return {"type": "prompt", "prompt": condition} if isinstance(condition, str) else condition


class GlobalNodeSetting(ContractModel):
    """Makes a node one that the conversation can come to from every other node.

    condition: when; a text is a prompt. cool_down: for how many changes of node after that it is not reached so again.
    go_back_conditions: when the conversation returns to where it came from.
    positive_finetune_examples, negative_finetune_examples: conversations that lead to the node, and that do not.
    """

    condition: Annotated[
        GlobalCondition,
        BeforeValidator(_typed, json_schema_input_type=Annotated[str, Field(min_length=1)] | GlobalCondition),
    ]
    cool_down: Annotated[float, Field(strict=True, ge=0)] | None = None
    go_back_conditions: Annotated[Many[GoBackCondition], Field(max_length=MAX_EDGES)] | None = None
    positive_finetune_examples: Examples | None = None
    negative_finetune_examples: Examples | None = None
