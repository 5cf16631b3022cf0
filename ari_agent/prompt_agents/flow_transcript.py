"""What the transcript tells a flow: who spoke, what of an answer was heard, what has become of a transfer. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

_USERS = frozenset({"user", "transfer_target", "dtmf"})


class FlowTranscript:
    """The transcript with tool calls as it was with the last question."""

    def __init__(self) -> None:
        self._items: Sequence[Mapping[str, Any]] = ()
        self._user_said: list[object] = []
        self._transfers_before = 0

    def asked(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Take the transcript of a new question."""
        self._items = items

    def user_spoke(self) -> bool:
        """Return whether the user has said or pressed anything since this was asked for the last time."""
        said = [item.get("content") or item.get("digit") for item in self._items if item.get("role") in _USERS]
        before, self._user_said = self._user_said, [each for each in said if each]
        return self._user_said != before

    def was_heard(self, response_id: int) -> bool:
        """Return whether a word of this answer was heard."""
        agents = (item.get("metadata") or {} for item in self._items if item.get("role") == "agent")
        return any(metadata.get("response_id") == response_id for metadata in agents)

    def agent_spoke(self) -> bool:
        """Return whether the agent has said anything."""
        return any(item.get("role") == "agent" for item in self._items)

    def last_move(self) -> Mapping[str, Any] | None:
        """Return the last change of node; None: there was none."""
        return next((item for item in reversed(self._items) if item.get("role") == "node_transition"), None)

    def expect_transfer(self) -> None:
        """Note that a transfer is to be asked for, so that `transfer` speaks of no earlier one."""
        self._transfers_before = len(self._transfers())

    def transfer(self) -> Literal["not begun", "begun", "failed"]:
        """Return what has become of the transfer that is expected."""
        begun = self._transfers()[self._transfers_before :]
        if not begun:
            return "not begun"
        failed = {
            item.get("tool_call_id")
            for item in self._items
            if item.get("role") == "tool_call_result" and item.get("successful") is False
        }
        return "failed" if begun[-1] in failed else "begun"

    def _transfers(self) -> list[object]:
        return [
            item.get("tool_call_id")
            for item in self._items
            if item.get("role") == "tool_call_invocation" and item.get("type") == "transfer_call"
        ]
