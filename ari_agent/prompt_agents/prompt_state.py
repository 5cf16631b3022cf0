"""Where a conversation by a prompt is: its state, its variables, and so what its model is told. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ari_agent.contract.llm_tools import LlmTool
from ari_agent.contract.retell_llm import TRANSITION, RetellLlm, StateEdge
from ari_agent.prompt_agents.chat_messages import system_message
from ari_agent.prompt_agents.model import Backup, ChatMessage, ModelRequest
from ari_agent.prompt_agents.tool_specs import edge_spec, tool_spec
from ari_agent.routing.variables import Variables, render

_STATE, _FORMER_STATE = "current_agent_state", "previous_agent_state"


class PromptVariables(Variables):
    """The variables of one conversation: those found in it, then the call's own, then the prompt's defaults.

    found: what the user or a tool has told, which anybody may have chosen. given: returns those of the call as they are
    now, system variables included. defaults: of the prompt.
    """

    def __init__(self, given: Callable[[], Mapping[str, str]], defaults: Mapping[str, str]) -> None:
        self.found: dict[str, str] = {}
        self._given, self._defaults = given, defaults

    def __getitem__(self, name: str) -> str:
        if name in self.found:
            return self.found[name]
        given = self._given()
        return given[name] if name in given else self._defaults[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self.found, *self._given(), *self._defaults)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def is_callers(self, name: str) -> bool:
        """Whether the caller may have chosen the value, by what they said or by how they called."""
        given = self._given()
        return name in self.found or (isinstance(given, Variables) and given.is_callers(name))


class PromptState:
    """The state of one conversation. variables: returns those of the call, system variables included."""

    def __init__(self, llm: RetellLlm, variables: Callable[[], Mapping[str, str]], *, is_spoken: bool) -> None:
        self.llm, self._is_spoken = llm, is_spoken
        self.variables = PromptVariables(variables, llm.default_dynamic_variables or {})
        self._found = self.variables.found
        self._state = llm.state(llm.starting_state)
        if self._state:
            self._found[_STATE] = self._state.name

    @property
    def name(self) -> str | None:
        """The name of the state, or None: the prompt has none."""
        return self._state.name if self._state else None

    @property
    def begin_message(self) -> str | None:
        """What the agent says first; None: the model writes it; "": the user speaks first."""
        if self.llm.start_speaker == "user":
            return ""
        return None if self.llm.begin_message is None else self.fill(self.llm.begin_message)

    def fill(self, template: str) -> str:
        """Replace the variables in a text."""
        return render(template, self.variables)

    def find(self, values: Mapping[str, str]) -> None:
        """Keep what was found in the conversation, as variables."""
        self._found |= values

    def tool(self, name: str) -> LlmTool | StateEdge | None:
        """Return what the model may call by this name now: a tool, or an edge to another state."""
        for edge in (self._state.edges if self._state else None) or ():
            if name == TRANSITION + edge.destination_state_name:
                return edge
        return next((tool for tool in self.llm.tools_in(self._state) if tool.name == name), None)

    def move_to(self, name: str) -> None:
        """Go to another state, which the prompt has."""
        self._found |= {_FORMER_STATE: self.name or "", _STATE: name}
        self._state = self.llm.state(name)

    def follow(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Go to the state that a conversation has come to. items: its transcript with tool calls, as JSON objects."""
        failed = {item.get("tool_call_id") for item in items if item.get("successful") is False}
        for item in items:
            if item.get("role") == "tool_call_invocation" and item["tool_call_id"] not in failed:
                edge = self.tool(item["name"])
                if isinstance(edge, StateEdge):
                    self.move_to(edge.destination_state_name)

    def request(self, messages: Sequence[ChatMessage]) -> ModelRequest:
        """Return what the model is asked. messages: what was said so far, and what is to be answered."""
        llm, state = self.llm, self._state
        parts = [self.fill(part) for part in (llm.general_prompt, state.state_prompt if state else None) if part]
        tools: list[Mapping[str, Any]] = [tool_spec(tool, self.fill) for tool in llm.tools_in(state)]
        tools += [edge_spec(edge, self.fill) for edge in (state.edges if state else None) or ()]
        backup = llm.backup_model
        return ModelRequest(
            messages=[system_message(*parts, is_spoken=self._is_spoken), *messages],
            tools=tools,
            model=llm.model,
            temperature=llm.model_temperature,
            backup=Backup(backup.model, backup.backup_kick_in_timeout) if backup else None,
        )
