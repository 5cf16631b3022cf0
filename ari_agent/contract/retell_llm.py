"""A prompt with its model and its tools: what a `retell-llm` agent answers by (Retell, Create Retell LLM, 2026-11).

LlmSettings          every setting, each with its default
├── LlmCreate        POST /create-retell-llm
├── LlmUpdate        PATCH /update-retell-llm: what is given changes, what is not stays
└── RetellLlm        what the API answers: with id, version and time

A prompt may have states. Each adds a prompt and tools of its own, and edges, which the model takes by calling a tool of
the name `transition_to_` and that of the state they lead to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Final, Self

from pydantic import ConfigDict, Field, model_validator

from ari_agent.contract.agent_options import ToolName
from ari_agent.contract.llm_tools import ArgumentSchema, LlmTool, Tools
from ari_agent.contract.model_settings import EngineVersion, ModelName, ModelSettings, Prompt, first_double
from ari_agent.contract.paging import Page
from ari_agent.contract.parsing.model import ContractModel, Flag, Identifier, Many, without_defaults

TRANSITION: Final = "transition_to_"
_MAX_STATES: Final = 100


class StateEdge(ContractModel):
    """A way to another state: when it is taken, and what is to be known for it, as dynamic variables."""

    description: Prompt
    destination_state_name: ToolName
    parameters: ArgumentSchema | None = None

    @property
    def finds(self) -> frozenset[str]:
        """Return the names of the variables that taking the edge sets."""
        properties = (self.parameters or {}).get("properties")
        return frozenset(properties) if isinstance(properties, dict) else frozenset()


class LlmState(ContractModel):
    """A part of the conversation, with a prompt and tools beside the general ones, and edges to other parts."""

    name: ToolName
    state_prompt: Prompt | None = None
    tools: Tools | None = None
    edges: Annotated[Many[StateEdge], Field(max_length=_MAX_STATES)] | None = None


class LlmSettings(ModelSettings):
    """All settings of a prompt. `model`: None for the server's own.

    s2s_model: a model that hears and speaks itself, in calls, in place of `model`.
    """

    UNSERVED: ClassVar[Mapping[str, str]] = {
        "mcps": "make each of their tools one of general_tools, of type custom",
    }

    model: ModelName | None = None
    s2s_model: ModelName | None = None
    model_high_priority: Flag | None = None
    model_ultrafast: Flag | None = None
    general_prompt: Prompt | None = None
    general_tools: Tools | None = None
    states: Annotated[Many[LlmState], Field(max_length=_MAX_STATES)] | None = None
    starting_state: ToolName | None = None
    is_transfer_llm: Flag | None = None

    @model_validator(mode="after")
    def _check_states(self) -> Self:
        states = {state.name: state for state in self.states or ()}
        if double := first_double(state.name for state in self.states or ()):
            raise ValueError(f"states: two have the name {double}")
        if states and self.starting_state not in states:
            raise ValueError(f"starting_state must be one of {', '.join(states)}")
        for state in states.values():
            for edge in state.edges or ():
                if edge.destination_state_name not in states:
                    raise ValueError(f"states: {state.name} leads to {edge.destination_state_name}, which is none")
        for state_or_none in (None, *states.values()):
            if double := first_double(self.names_in(state_or_none)):
                raise ValueError(f"tools: two that the model may call at a time have the name {double}")
        return self

    @property
    def every_tool(self) -> tuple[LlmTool, ...]:
        """Return the tools of all states together."""
        of_states = (tool for state in self.states or () for tool in state.tools or ())
        return (*(self.general_tools or ()), *of_states)

    def tools_in(self, state: LlmState | None) -> tuple[LlmTool, ...]:
        """Return the tools that the model may call in a state; None: there are no states."""
        return (*(self.general_tools or ()), *((state.tools if state else None) or ()))

    def names_in(self, state: LlmState | None) -> Iterator[str]:
        """Yield the names of all that the model may call in a state, its edges included."""
        yield from (tool.name for tool in self.tools_in(state))
        yield from (TRANSITION + edge.destination_state_name for edge in (state.edges if state else None) or ())

    def state(self, name: str | None) -> LlmState | None:
        """Return the state of this name, or None."""
        return next((state for state in self.states or () if state.name == name), None)


class LlmCreate(LlmSettings):
    """A prompt that a client wants made."""


class LlmUpdate(LlmSettings):
    """Changes of a prompt: what is left out stays as it is. Checked as a whole once they are applied."""

    model_config = ConfigDict(json_schema_extra=without_defaults)

    @model_validator(mode="after")
    def _check_states(self) -> Self:
        return self  # what is left out decides, too: see EngineVersion.changed


class RetellLlm(LlmSettings, EngineVersion):
    """A prompt, as the API answers it."""

    ID: ClassVar[str] = "llm_id"

    llm_id: Identifier


class LlmPage(Page):
    """A page of prompts, in their latest versions."""

    items: Many[RetellLlm]
