"""A prompt with its model and its tools: what a `retell-llm` agent answers by (Retell, Create Retell LLM, 2026-11).

LlmSettings          every setting, each with its default
├── LlmCreate        POST /create-retell-llm
├── LlmUpdate        PATCH /update-retell-llm: what is given changes, what is not stays
└── RetellLlm        what the API answers: with id, version and time

A prompt may have states. Each adds a prompt and tools of its own, and edges, which the model takes by calling a tool of
the name `transition_to_` and that of the state they lead to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from ari_agent.contract.agent_options import ToolName
from ari_agent.contract.llm_tools import ArgumentSchema, LlmTool, Tools
from ari_agent.contract.paging import Page
from ari_agent.contract.parsing.model import (
    INTEGRAL,
    AgentVersionNumber,
    ContractModel,
    Count,
    Flag,
    Fraction,
    Identifier,
    JsonObject,
    Many,
    Strings,
    Timestamp,
    Variables,
    without_defaults,
)

TRANSITION: Final = "transition_to_"
MAX_PROMPT_CHARACTERS: Final = 200_000
_MAX_STATES: Final = 100
_UNSERVED: Final = {
    "mcps": "make each of their tools one of general_tools, of type custom",
}
"""Settings that would change what an agent can do, and what to do instead."""

Prompt = Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS)]
ModelName = Annotated[str, Field(min_length=1, max_length=256)]


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


class BackupModel(ContractModel):
    """The model that is asked instead, where the first one has said nothing after so many milliseconds."""

    type: Literal["cascading"] = "cascading"
    model: ModelName
    backup_kick_in_timeout: Annotated[int, Field(strict=True, ge=300, le=60_000), INTEGRAL] = 1500


class LlmSettings(ContractModel):
    """All settings of a prompt. `model`: None for the server's own; model_temperature: from 0 to 1.

    s2s_model: a model that hears and speaks itself, in calls, in place of `model`.
    begin_message: what the agent says first; None: the model writes it; "": the user speaks first.
    begin_after_user_silence_ms: the agent begins all the same after so long a silence of a user who is to speak first.
    """

    model: ModelName | None = None
    s2s_model: ModelName | None = None
    model_temperature: Fraction = 0.0
    backup_model: BackupModel | None = None
    tool_call_strict_mode: Flag | None = None
    model_high_priority: Flag | None = None
    model_ultrafast: Flag | None = None
    general_prompt: Prompt | None = None
    general_tools: Tools | None = None
    states: Annotated[Many[LlmState], Field(max_length=_MAX_STATES)] | None = None
    starting_state: ToolName | None = None
    start_speaker: Literal["user", "agent"] = "agent"
    begin_message: Prompt | None = None
    begin_after_user_silence_ms: Count | None = None
    default_dynamic_variables: Variables | None = None
    knowledge_base_ids: Strings | None = None
    kb_config: JsonObject | None = None
    is_transfer_llm: Flag | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_unserved(cls, given: Any) -> Any:
        for name, instead in _UNSERVED.items():
            if isinstance(given, dict) and given.get(name):
                raise ValueError(f"{name}: not served here; {instead}")
        return given

    @model_validator(mode="before")
    @classmethod
    def _read_model_config(cls, given: Any) -> Any:
        """Read `model_config`, in which newer clients name the models, as the fields that stand for it here."""
        if not isinstance(given, dict) or not isinstance(config := given.get("model_config"), dict):
            return given
        if config.get("type", "cascading") != "cascading":
            raise ValueError("model_config of type s2s is not served here; name the model in s2s_model")
        read = dict(given)
        if isinstance(primary := config.get("primary"), dict):
            read["model"] = primary.get("model")
        if "temperature" in config:
            read["model_temperature"] = config["temperature"]
        if "backup" in config:
            read["backup_model"] = config["backup"]
        if isinstance(backup := config.get("backup"), dict):
            after = {"backup_kick_in_timeout": backup["kick_in_timeout_ms"]} if "kick_in_timeout_ms" in backup else {}
            read["backup_model"] = {"model": backup.get("model"), **after}
        return read

    @field_validator("knowledge_base_ids")
    @classmethod
    def _refuse_knowledge(cls, ids: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if ids:
            raise ValueError("there are no knowledge bases here: write what the agent must know into general_prompt")
        return ids

    @model_validator(mode="after")
    def _check_states(self) -> Self:
        states = {state.name: state for state in self.states or ()}
        if len(states) < len(self.states or ()):
            raise ValueError(f"states: two have the name {_twice(state.name for state in self.states or ())}")
        if states and self.starting_state not in states:
            raise ValueError(f"starting_state must be one of {', '.join(states)}")
        for state in states.values():
            for edge in state.edges or ():
                if edge.destination_state_name not in states:
                    raise ValueError(f"states: {state.name} leads to {edge.destination_state_name}, which is none")
        for tools in [list(self.names_in(None))] + [list(self.names_in(state)) for state in states.values()]:
            if len(set(tools)) < len(tools):
                raise ValueError(f"tools: two that the model may call at a time have the name {_twice(tools)}")
        return self

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

    def llm(self, *, llm_id: str, now_ms: int) -> RetellLlm:
        """Return the prompt with this id, made at this time."""
        return RetellLlm.model_validate(
            {**self.changes(), "llm_id": llm_id, "version": 0, "last_modification_timestamp": now_ms}
        )


class LlmUpdate(LlmSettings):
    """Changes of a prompt: what is left out stays as it is. Checked as a whole once they are applied."""

    model_config = ConfigDict(json_schema_extra=without_defaults)

    @model_validator(mode="after")
    def _check_states(self) -> Self:
        return self  # what is left out decides, too: see `apply`

    def apply(self, llm: RetellLlm, *, now_ms: int) -> RetellLlm:
        """Return the changed prompt.

        Raises:
            pydantic.ValidationError: with the changes, the settings contradict one another.
        """
        return RetellLlm.model_validate({**llm.as_record(), **self.changes(), "last_modification_timestamp": now_ms})


class RetellLlm(LlmSettings):
    """A prompt, as the API answers it."""

    llm_id: Identifier
    version: AgentVersionNumber = 0
    is_published: Flag = False
    last_modification_timestamp: Timestamp


class LlmPage(Page):
    """A page of prompts, in their latest versions."""

    items: Many[RetellLlm]


def _twice(names: Iterator[str] | list[str]) -> str:
    return next(name for name, count in Counter(names).items() if count > 1)
