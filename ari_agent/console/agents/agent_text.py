"""What an agent answers by, its prompt or its flow, as text to read. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ari_agent.calls.public_log.log_redaction import Redaction
from ari_agent.contract.conversation_flow import ConversationFlow
from ari_agent.contract.flow_edges import PromptCondition, TransitionCondition
from ari_agent.contract.flow_nodes import FlowNode
from ari_agent.contract.retell_llm import RetellLlm

_MOST_CHARACTERS: Final = 100_000
"""Of all parts together; a browser shows this at once, and ten times as much not."""
_LONGEST_SECRET: Final = 4096


@dataclass(frozen=True, slots=True)
class TextPart:
    """A part of a prompt or flow, under a heading of its own. left_out: how many characters of it are not shown."""

    heading: str
    text: str
    left_out: int = 0


def text_parts(engine: RetellLlm | ConversationFlow, redaction: Redaction) -> Sequence[TextPart]:
    """Return the parts in their order, without secrets, and at most 100 000 characters of them all together."""
    room, shown = _MOST_CHARACTERS, []
    for heading, text in _of_prompt(engine) if isinstance(engine, RetellLlm) else _of_flow(engine):
        # what is cut off is read along, so that half a secret is never left over
        kept = redaction.text(text[: room + _LONGEST_SECRET])[:room]
        room -= len(kept)
        if text:
            shown.append(TextPart(redaction.text(heading), kept, max(0, len(text) - len(kept))))
    return shown


def _of_prompt(llm: RetellLlm) -> Iterator[tuple[str, str]]:
    yield "First words", _first_words(llm.begin_message)
    yield "Prompt", llm.general_prompt or ""
    yield "Tools", _tools(llm.general_tools)
    for state in llm.states or ():
        begins = ", where it begins" if state.name == llm.starting_state else ""
        yield f"State {state.name}{begins}", state.state_prompt or ""
        ways = (f"to {edge.destination_state_name}: {edge.description}" for edge in state.edges or ())
        yield f"From {state.name}", "\n".join(ways)
        yield f"Tools in {state.name}", _tools(state.tools)


def _of_flow(flow: ConversationFlow) -> Iterator[tuple[str, str]]:
    if flow.begin_message is not None:
        yield "First words", _first_words(flow.begin_message)
    yield "In every node", flow.global_prompt or ""
    yield "Tools", _tools(flow.tools)
    for node in flow.nodes:
        begins = ", where it begins" if node is flow.start_node else ""
        yield f"{node.name or node.id} ({node.type.replace('_', ' ')}{begins})", "\n".join(_node_lines(node))


def _node_lines(node: FlowNode) -> Iterator[str]:
    instruction = getattr(node, "instruction", None)
    if instruction is not None:
        yield instruction.text
    if tool_id := getattr(node, "tool_id", None):
        yield f"runs {tool_id}"
    if address := _address(node):
        yield address
    for way in node.ways():
        yield f"to {way.destination_node_id or 'nowhere yet'}: {_condition(way.transition_condition)}"


def _condition(condition: TransitionCondition) -> str:
    if isinstance(condition, PromptCondition):
        return condition.prompt
    equations = (f"{each.left} {each.operator} {each.right or ''}".strip() for each in condition.equations)
    return f" {condition.operator} ".join(equations)


def _first_words(begin_message: str | None) -> str:
    if begin_message is None:
        return "The model finds them."
    return begin_message or "The user speaks first."


def _tools(tools: Iterable[Any] | None) -> str:
    return "\n".join(
        ": ".join(filter(None, [f"{tool.name} ({tool.type.replace('_', ' ')})", tool.description, _address(tool)]))
        for tool in tools or ()
    )


def _address(tool: Any) -> str:
    url = getattr(tool, "url", None)
    if url is not None:
        return f"{tool.method} {url}"
    destination = getattr(tool, "transfer_destination", None)
    return json.dumps(destination, ensure_ascii=False) if destination else ""
