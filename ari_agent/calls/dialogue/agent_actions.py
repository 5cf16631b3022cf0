"""What the agent has the platform do once it has spoken, hang up, transfer, press keys, and its own tools. Pure.

Each action stands in the transcript like a tool: an invocation, and where the outcome is known a result.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from ari_agent.agents.llm import EndCall, LlmToolInvocation, LlmToolResult, PressDigits, TransferTo
from ari_agent.calls.dialogue.orders import HangUp, Order, Press, Transfer
from ari_agent.calls.dialogue.spoken_transcript import SpokenTranscript
from ari_agent.contract.transcript import NodeTransition, ToolCallInvocation, ToolCallResult

MOST_RETRIES: Final = 2
"""How often in a row the agent is asked again because what it wanted done failed, without a word of the user's."""


class AgentActions:
    """Notes the actions that the agent asks for in one call in its transcript, numbered from 1."""

    def __init__(self, transcript: SpokenTranscript) -> None:
        self._transcript = transcript
        self._count = self._retries = 0
        self._last_name = "action"

    def begin(self, action: EndCall | TransferTo | PressDigits) -> Order:
        """Note that an action begins, and return the order that carries it out."""
        if isinstance(action, EndCall):
            self._invoke("end_call", {})
            return HangUp()
        if isinstance(action, TransferTo):
            self._invoke("transfer_call", {"transfer_number": action.number})
            return Transfer(action.number, action.show_transferee_as_caller, action.request)
        self._invoke("press_digit", {"digit": action.digits})
        return Press(action.digits)

    def ended(self, content: str, *, successful: bool) -> bool:
        """Note what came of the last action; return whether the agent is to be asked what to do instead."""
        self._transcript.tool(
            ToolCallResult(
                role="tool_call_result",
                tool_call_id=f"{self._last_name}_{self._count}",
                content=content,
                successful=successful,
            )
        )
        if successful:
            return False
        self._retries += 1
        return self._retries <= MOST_RETRIES

    def used_tool(self, used: LlmToolInvocation | LlmToolResult | NodeTransition) -> bool:
        """Note that the agent used a tool of its own, or its answer, or that its flow is in another node.

        Returns False where there is no room.
        """
        if isinstance(used, NodeTransition):
            return self._transcript.tool(used)
        given = used.model_dump(exclude_none=True)
        if isinstance(used, LlmToolInvocation):
            return self._transcript.tool(ToolCallInvocation(role="tool_call_invocation", **given))
        return self._transcript.tool(ToolCallResult(role="tool_call_result", **given))

    def user_spoke(self) -> None:
        """Note that the user said something or pressed a key, so that the retries are counted from 0 again."""
        self._retries = 0

    def _invoke(self, name: str, arguments: Mapping[str, str]) -> None:
        self._count += 1
        self._last_name = name
        self._transcript.tool(
            ToolCallInvocation(
                role="tool_call_invocation",
                tool_call_id=f"{name}_{self._count}",
                name=name,
                arguments=json.dumps(arguments),
                type=name,
            )
        )
