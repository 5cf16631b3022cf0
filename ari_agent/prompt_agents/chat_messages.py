"""The messages of a request to a model, out of what was said and done in a conversation. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ari_agent.prompt_agents.model import ChatMessage, ToolCall

MAX_CHARACTERS: Final = 200_000
"""Of a conversation that a model is told; of a longer one the beginning is left out."""
REMINDER: Final = "(The user has been silent for a while. Say something fitting to find out whether they are there.)"
BEGINNING: Final = "(The conversation begins. Say your first words.)"
RESUMED: Final = "(The line was silent for a moment, and is there again. Say so in a few words, and go on.)"
_HOW_TO_SPEAK: Final = (
    "Your words are spoken on the phone. Answer in a sentence or two of plain spoken language, without lists, "
    "headings, markup or emoji. What the user says was recognised from speech and may be misheard."
)


def system_message(*parts: str | None, is_spoken: bool) -> ChatMessage:
    """Return what the model is told of its task: prompts, in order, and how to write what is spoken."""
    told = [part.strip() for part in (*parts, _HOW_TO_SPEAK if is_spoken else None) if part and part.strip()]
    return {"role": "system", "content": "\n\n".join(told)}


def conversation(items: Sequence[Mapping[str, Any]]) -> list[ChatMessage]:
    """Return the messages of a transcript with tool calls.

    What a transfer's target said, and keys, are the user's side. A tool call without its result is left out, and a
    result without its call: servers refuse either.
    """
    results = {item["tool_call_id"]: str(item.get("content", "")) for item in items if _is(item, "tool_call_result")}
    messages: list[ChatMessage] = []
    for item in items:
        match item.get("role"):
            case "agent":
                messages.append({"role": "assistant", "content": item["content"]})
            case "tool_call_invocation" if item["tool_call_id"] in results:
                call = ToolCall(item["tool_call_id"], item["name"], item["arguments"])
                messages += tool_round("", [(call, results.pop(call.call_id))])
            case "tool_call_invocation" | "tool_call_result" | "node_transition":
                pass
            case _ if item.get("content"):
                messages.append({"role": "user", "content": item["content"]})
    return _newest(messages)


def tool_round(said: str, called: Sequence[tuple[ToolCall, str]]) -> list[ChatMessage]:
    """Return the messages of an answer that called tools. said: before; called: each call with its result."""
    calls = [
        {
            "id": call.call_id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments if _is_object(call.arguments) else "{}"},
        }
        for call, _ in called
    ]
    return [
        {"role": "assistant", "content": said or None, "tool_calls": calls},
        *({"role": "tool", "tool_call_id": call.call_id, "content": result} for call, result in called),
    ]


def results_not_in(messages: Sequence[ChatMessage], called: Sequence[tuple[ToolCall, str]]) -> list[ChatMessage]:
    """Return the messages of those tool calls whose results a conversation does not tell yet."""
    told = {message["tool_call_id"] for message in messages if _is(message, "tool")}
    missing = [(call, result) for call, result in called if call.call_id not in told]
    return tool_round("", missing) if missing else []


def _is(item: Mapping[str, Any], role: str) -> bool:
    return item.get("role") == role


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        return False


def _newest(messages: list[ChatMessage]) -> list[ChatMessage]:
    """Leave out the oldest messages of a conversation that is too long, and results whose call is gone with them."""
    room, first = MAX_CHARACTERS, len(messages)
    while first and room >= 0:
        room -= len(json.dumps(messages[first - 1]))
        first -= 1
    first += room < 0
    while first < len(messages) and _is(messages[first], "tool"):
        first += 1
    return messages[first:]
