"""Where a conversation is in its flow: the current node, the ways out of it, and which of them are taken. Pure.

    entered ──▶ its words were said, its work is done ──▶ a way out ──▶ entered

A way out of a conversation node is looked for once the user has spoken there. Equations are decided first, in their
order, then the model judges the prompts, then `else_edge` is taken. What the user did not hear has not happened: where
an answer was cut off before its first word was heard, or its action was, the conversation is back where the answer
began. What a function has done stays done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from ari_agent.contract.conversation_flow import ConversationFlow
from ari_agent.contract.flow_edges import FlowEdge
from ari_agent.contract.flow_nodes import ConversationNode, FlowNode, FunctionNode
from ari_agent.contract.transcript import NodeTransition
from ari_agent.errors import AgentError
from ari_agent.prompt_agents.chat_messages import system_message
from ari_agent.prompt_agents.flow_equations import Condition, decides, prompt_of
from ari_agent.prompt_agents.model import Backup, ChatMessage, ModelRequest
from ari_agent.prompt_agents.prompt_state import PromptVariables
from ari_agent.prompt_agents.tool_specs import as_function
from ari_agent.routing.variables import render

MAX_TRANSITIONS: Final = 50
"""How many nodes a conversation may enter without a word of the user."""
_SHOWN_NODES: Final = 6
_NOT_IN_NAMES: Final = re.compile(r"[^a-zA-Z0-9]+")
_WAYS_OUT: Final = (
    "If what the user has said fits one of the transition tools, call that tool and say nothing. "
    "Otherwise call none of them and go on with your task."
)
_DECIDE: Final = "Say nothing. Call the one tool whose description fits the conversation."

TransitionType: TypeAlias = Literal["global", "global_go_back", "interrupt_go_back", "normal"]


class FlowLoops(AgentError):
    """Raised when a flow leads from node to node for ever without a word of the user."""

    def __init__(self, nodes: Sequence[str]) -> None:
        path = " -> ".join(nodes[-_SHOWN_NODES:])
        super().__init__(f"the flow goes from node to node without a word of the user, lastly {path}")
        self.nodes = tuple(nodes)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to another node. condition: None for one that is taken without a question."""

    destination: FlowNode
    kind: TransitionType = "normal"
    condition: Condition | None = None


class FlowState:
    """Where one conversation is. variables: returns those of the call, system variables included."""

    def __init__(self, flow: ConversationFlow, variables: Callable[[], Mapping[str, str]], *, is_spoken: bool) -> None:
        self.flow, self.is_spoken = flow, is_spoken
        self.variables = PromptVariables(variables, flow.default_dynamic_variables or {})
        self.node: FlowNode = flow.start_node
        self.has_spoken = False
        """Whether the words of the node were said, or its work is done."""
        self.user_waits = False
        """Whether the user has said what no way out of the node was looked for with."""
        self.is_settled = False
        """Whether something was done since the answer began that cannot be undone."""
        self._nodes = {node.id: node for node in flow.nodes}
        self._left_for: dict[str, FlowNode] = {}  # a global node, and where the conversation came from
        self._entered: dict[str, int] = {}  # a global node, and the transition that led there
        self._transitions = 0
        self._path: list[str] = []  # without a word of the user
        self._before = self._place()  # where the answer began

    @property
    def begin_message(self) -> str | None:
        """What the agent says first; None: the words of its first node; "": the user speaks first."""
        if self.flow.start_speaker == "user":
            return ""
        return None if self.flow.begin_message is None else self.fill(self.flow.begin_message)

    def fill(self, template: str) -> str:
        """Replace the variables in a text."""
        return render(template, self.variables)

    def find(self, values: Mapping[str, str]) -> None:
        """Keep what was found in the conversation, as variables."""
        self.variables.found |= values

    # answers

    def user_spoke(self) -> None:
        """Note that the user has said something new."""
        self.user_waits = True
        self._path.clear()

    def resume(self, moved: Mapping[str, Any] | None, *, agent_spoke: bool) -> None:
        """Go on where the transcript ends, where this conversation was begun by another process.

        moved: its last change of node; None: it tells of none. agent_spoke: whether the agent has said anything.
        """
        if self._transitions:
            return
        if moved is None:
            self.has_spoken |= agent_spoke and isinstance(self.node, ConversationNode)
        elif node := self._nodes.get(str(moved.get("new_node_id"))):
            self.node, self.has_spoken = node, True
            former = self._nodes.get(str(moved.get("former_node_id")))
            if former and moved.get("transition_type") == "global":
                self._left_for[node.id] = former
            self._before = self._place()

    def begin_answer(self) -> None:
        """Note that an answer begins here."""
        self._before, self.is_settled = self._place(), False

    def go_back(self) -> NodeTransition | None:
        """Go back to where the last answer began, of which the user heard nothing; None: it is still there."""
        former, (self.node, self.has_spoken, self._left_for, self._entered) = self.node, self._before
        return None if former is self.node else _transition(former, self.node, "interrupt_go_back")

    def _place(self) -> tuple[FlowNode, bool, dict[str, FlowNode], dict[str, int]]:
        return self.node, self.has_spoken, dict(self._left_for), dict(self._entered)

    @property
    def skips_response(self) -> bool:
        """Whether the conversation goes on once the words of the node were heard, without a word of the user."""
        return isinstance(self.node, ConversationNode) and self.way(self.node.skip_response_edge) is not None

    # ways

    def ways(self) -> Iterator[Way]:
        """Yield the ways out of the node that have a condition: its own, back from a global node, to global nodes."""
        node = self.node
        for edge in getattr(node, "edges", None) or ():
            if way := self.way(edge):
                yield Way(way.destination, condition=edge.transition_condition)
        if (came_from := self._left_for.get(node.id)) and node.global_node_setting:
            for back in node.global_node_setting.go_back_conditions or ():
                yield Way(came_from, "global_go_back", back.transition_condition)
        for other in self.flow.nodes:
            setting = other.global_node_setting
            if setting and other is not node and not self._cools_down(other):
                yield Way(other, "global", setting.condition)

    def way(self, edge: FlowEdge | None) -> Way | None:
        """Return the way that an edge is, whatever its condition; None where it leads nowhere."""
        destination = self._nodes.get(edge.destination_node_id) if edge and edge.destination_node_id else None
        return Way(destination) if destination else None

    def decided(self) -> Way | None:
        """Return the first way whose condition holds by equations alone; None: there is none."""
        conditions = ((way, way.condition) for way in self.ways())
        return next((way for way, given in conditions if given and decides(given, self.variables)), None)

    def open_ways(self) -> dict[str, Way]:
        """Return the ways that the model has to judge, by the name of the tool that takes each.

        What the user has said leads to a global node once: from the node where it was said.
        """
        found = [way for way in self.ways() if way.condition and prompt_of(way.condition, self.variables)]
        looked_at = [way for way in found if self.user_waits or way.kind != "global"]
        return {_tool_name(number, way.destination): way for number, way in enumerate(looked_at, 1)}

    def take(self, way: Way) -> NodeTransition:
        """Go a way, and return what the transcript tells of it.

        Raises:
            FlowLoops: the flow has gone from node to node for too long without a word of the user.
        """
        former, self.node = self.node, way.destination
        self._path.append(self.node.id)
        if len(self._path) > MAX_TRANSITIONS:
            raise FlowLoops(self._path)
        self._transitions += 1
        self.user_waits = False
        self.has_spoken = way.kind == "global_go_back"  # it goes on where it was left
        if way.kind == "global":
            self._left_for[self.node.id] = former
            self._entered[self.node.id] = self._transitions
        elif way.kind == "normal":
            self._left_for.pop(self.node.id, None)
        return _transition(former, self.node, way.kind)

    def _cools_down(self, node: FlowNode) -> bool:
        setting, entered = node.global_node_setting, self._entered.get(node.id)
        if setting is None or entered is None:
            return False
        return self._transitions - entered < (setting.cool_down or 0)

    # what the model is asked

    def request(
        self,
        messages: Sequence[ChatMessage],
        task: str,
        *,
        ways: Mapping[str, Way] | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        speaks: bool = True,
    ) -> ModelRequest:
        """Return what the model is asked. messages: so far. task: of the node. ways: that it may choose.

        speaks: whether it may say something, instead of calling a tool.
        """
        flow, backup = self.flow, self.flow.backup_model
        how = (_WAYS_OUT if ways else None) if speaks else _DECIDE
        parts = [self.fill(flow.global_prompt or ""), task, how]
        described = [self._as_tool(name, way) for name, way in (ways or {}).items()]
        return ModelRequest(
            messages=[system_message(*parts, is_spoken=self.is_spoken and speaks), *messages],
            tools=[*tools, *described],
            model=self.node.model or flow.model,
            temperature=flow.model_temperature,
            backup=Backup(backup.model, backup.backup_kick_in_timeout) if backup else None,
        )

    @property
    def task(self) -> str:
        """What the model is told to do in this node: nothing, where its words are for the time that it takes."""
        instruction = None if isinstance(self.node, FunctionNode) else getattr(self.node, "instruction", None)
        text = self.fill(instruction.text) if instruction else ""
        if isinstance(self.node, ConversationNode) and self.node.instruction.type == "static_text":
            return f"You have said this, and now talk about it with the user: {text}"
        return text

    def _as_tool(self, name: str, way: Way) -> dict[str, Any]:
        prompt = prompt_of(way.condition, self.variables) if way.condition else None
        return as_function(name, f"Call this when the following is so: {prompt}")


def _tool_name(number: int, node: FlowNode) -> str:
    return f"transition_{number}_to_{_NOT_IN_NAMES.sub('_', node.name or node.id).strip('_')}"[:64]


def _transition(former: FlowNode, new: FlowNode, kind: TransitionType) -> NodeTransition:
    return NodeTransition(
        role="node_transition",
        former_node_id=former.id,
        former_node_name=former.name or former.id,
        new_node_id=new.id,
        new_node_name=new.name or new.id,
        transition_type=kind,
    )
