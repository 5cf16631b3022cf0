"""What the two example servers that Retell publishes do, as scripts for LlmServer: the Node one and the Python one.

Source: `RetellAI/retell-custom-llm-node-demo` and `retell-custom-llm-python-demo` as of 2026-08, from their behaviour
on the wire.
"""

from __future__ import annotations

from typing import Any, Final

from tests.fakes.llm_server import LlmTalk, Message

CONFIG: Final[Message] = {"response_type": "config", "config": {"auto_reconnect": True, "call_details": True}}
BEGIN: Final = "Hey there, I'm your personal AI therapist, how can I help you?"
_PYTHON_FALSE: Final[dict[str, Any]] = {"end_call": False, "transfer_number": None, "no_interruption_allowed": None}

NODE_OPENING: Final = (CONFIG,)
PYTHON_OPENING: Final = (
    CONFIG,
    {"response_type": "response", "response_id": 0, "content": BEGIN, "content_complete": True, "end_call": False},
)


async def node_server(talk: LlmTalk, message: Message) -> None:
    """Begins once it knows the call."""
    match message["interaction_type"]:
        case "call_details":
            await talk.say(response_id=0, content=BEGIN, content_complete=True)
        case "ping_pong":
            await talk.say(response_type="ping_pong", timestamp=message["timestamp"])
        case "response_required" | "reminder_required":
            await talk.say(response_id=message["response_id"], content="I hear you. ", content_complete=False)
            await talk.say(response_id=message["response_id"], content="", content_complete=True)
        case "update_only":
            return


async def python_server(talk: LlmTalk, message: Message) -> None:
    """Reads the last utterance of each request; every key is in every piece."""
    match message["interaction_type"]:
        case "ping_pong":
            await talk.say(response_type="ping_pong", timestamp=message["timestamp"])
        case "response_required" | "reminder_required" as kind:
            last = message["transcript"][-1]["content"]
            answer = "I hear you. " if kind == "response_required" else "Are you there? "
            pieces = [(f"{answer}{last}", False), ("", True)]
            for content, is_last in pieces:
                await talk.say(
                    response_type="response",
                    response_id=message["response_id"],
                    content=content,
                    content_complete=is_last,
                    **_PYTHON_FALSE,
                )
