"""Runs the tools that a model calls in a call, one after the other, and says what has come of each.

    answer with calls ──▶ queue ──▶ state, variables, customer's server   run_tool, as for models that write
                                └─▶ end_call, press_digit, transfer_call  what was said is heard out first

What is queued behind an end_call is not run. A caller who speaks before a transfer or keys have begun calls them off:
the model hears what they say, and decides anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from ari_agent.agents.llm import Action, EndCall, PressDigits
from ari_agent.agents.realtime_events import FunctionCall
from ari_agent.contract.llm_tools import CustomTool, EndCallTool, PressDigitTool, TransferCallTool
from ari_agent.prompt_agents.custom_function import CustomFunctions, FunctionResult
from ari_agent.prompt_agents.prompt_state import PromptState
from ari_agent.prompt_agents.tool_actions import tool_action
from ari_agent.prompt_agents.tool_runs import ToolRun, run_tool
from ari_agent.prompt_agents.tool_specs import read_arguments

log = logging.getLogger(__name__)

MAX_WAITING: Final = 32
"""Calls of tools that may wait for one another; more are not run."""
CALLED_OFF: Final = "not done: the user spoke before it had begun"
_DONE: Final = "done"


class ToolOwner(Protocol):
    """The agent's side of a call, for which tools are run."""

    def tool_called(self, call: FunctionCall, kind: str | None) -> None:
        """Take note that a tool begins. kind: its type; None where there is no such tool."""

    def tool_ended(self, call: FunctionCall, run: ToolRun) -> None:
        """Tell the model what a tool has come to."""

    def tools_ended(self, *, asks_again: bool) -> None:
        """Take note that no tool waits. asks_again: the model is to speak about what they have come to."""

    def act(self, action: Action, call: FunctionCall) -> None:
        """Do what a tool wants of the call itself."""

    def heard_out(self) -> Awaitable[bool]:
        """Wait until the caller has heard what was said; returns False where they have interrupted it."""


class RealtimeTools:
    """The tools of one call. details: returns the call object, for the customer's server."""

    def __init__(
        self,
        owner: ToolOwner,
        state: PromptState,
        functions: CustomFunctions,
        *,
        call_id: str,
        details: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._owner, self._state, self._functions, self._details = owner, state, functions, details
        self._call_id = call_id
        self._waiting: deque[FunctionCall] = deque()
        self._running: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether a tool runs, or waits to."""
        return self._running is not None

    def run(self, calls: Sequence[FunctionCall]) -> None:
        """Run these tools after those that wait already."""
        self._waiting.extend(calls[: MAX_WAITING - len(self._waiting)])
        if self._waiting and self._running is None:
            self._running = asyncio.create_task(self._run_all(), name=f"tools of {self._call_id}")

    async def close(self) -> None:
        """Run no more. Idempotent."""
        self._waiting.clear()
        if running := self._running:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    async def _run_all(self) -> None:
        asks_again = False
        try:
            while self._waiting:
                call = self._waiting.popleft()
                run = await self._one(call)
                if run is not None:
                    self._owner.tool_ended(call, run)
                    asks_again |= run.asks_again
        except Exception:  # no call goes on without an answer to its model because of a defect
            log.exception("a tool was not run", extra={"call_id": self._call_id})
        self._running = None
        self._owner.tools_ended(asks_again=asks_again)

    async def _ask_server(self, tool: CustomTool, given: Mapping[str, Any]) -> FunctionResult:
        return await self._functions.call(tool, given, self._details(), self._state.variables)

    async def _one(self, call: FunctionCall) -> ToolRun | None:
        """Run one tool; returns None where the call tells later what has come of it, or ends."""
        state, tool = self._state, self._state.tool(call.name)
        given = read_arguments(call.arguments)
        self._owner.tool_called(call, getattr(tool, "type", None))
        if not isinstance(tool, EndCallTool | TransferCallTool | PressDigitTool):
            return await run_tool(call.name, tool, given, state, run_function=self._ask_server)
        action = tool_action(tool, given, state.fill)
        if isinstance(action, str):
            return ToolRun(action, successful=False)
        if isinstance(action, EndCall):
            self._waiting.clear()
            self._owner.act(action, call)
            return None
        if not await self._owner.heard_out():
            return ToolRun(CALLED_OFF, successful=False, asks_again=False)
        if isinstance(tool, PressDigitTool):
            await asyncio.sleep(tool.delay_ms / 1000)
        self._owner.act(action, call)
        return ToolRun(_DONE, asks_again=False) if isinstance(action, PressDigits) else None
