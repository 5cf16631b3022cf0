"""An agent that answers by a prompt: the model says what to say and which tools to call, and here that is done.

It is a TextAgent like a server behind a websocket, and what it says comes in the same messages: a call or chat has the
same turns, interruptions, transcript and time-outs with either.

    ask ──▶ the model ── text ──────────────▶ LlmResponse, piece by piece
               ▲  │
               │  ├─ a tool that ends the answer: end_call, transfer_call, press_digit ──▶ the last LlmResponse
               │  └─ any other tool ──▶ LlmToolInvocation, it runs, LlmToolResult
               └──── its result, at most MAX_REQUESTS times in one answer
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from ari_agent.agents.llm import LlmResponse, Turntaking
from ari_agent.agents.llm_connection import LlmEvent
from ari_agent.agents.llm_requests import OPENING
from ari_agent.agents.text_agent import Transcript
from ari_agent.contract.llm_tools import (
    CustomTool,
    EndCallTool,
    LlmTool,
    PressDigitTool,
    TransferCallTool,
)
from ari_agent.contract.response_engine import RetellLlmEngine
from ari_agent.contract.retell_llm import LlmUpdate, RetellLlm, StateEdge
from ari_agent.prompt_agents.chat_messages import BEGINNING, RESUMED, conversation, tool_round
from ari_agent.prompt_agents.conversation import AnswerEnd, Conversation
from ari_agent.prompt_agents.custom_function import FunctionResult
from ari_agent.prompt_agents.model import ChatMessage, ToolCall
from ari_agent.prompt_agents.model_answers import MAX_REQUESTS, ModelAccess, ModelAnswers
from ari_agent.prompt_agents.model_steps import engine_read
from ari_agent.prompt_agents.prompt_state import PromptState
from ari_agent.prompt_agents.stored_engine import stored_engine
from ari_agent.prompt_agents.tool_actions import tool_action
from ari_agent.prompt_agents.tool_runs import run_tool
from ari_agent.prompt_agents.tool_specs import read_arguments

log = logging.getLogger(__name__)

FindLlm: TypeAlias = Callable[[str, int | None], Awaitable[RetellLlm | None]]
"""Returns a stored prompt, by its id and version."""


class PromptAgent:
    """The agent of one conversation: see TextAgent."""

    wants_tool_calls = True

    def __init__(
        self,
        access: ModelAccess,
        find: FindLlm,
        engine: RetellLlmEngine,
        about: Conversation,
        on_event: Callable[[LlmEvent], None],
    ) -> None:
        self._find, self._engine, self._about, self._on_event = find, engine, about, on_event
        self._answers = ModelAnswers(access, about, on_event, self._answer)
        self._state: PromptState | None = None

    @property
    def is_open(self) -> bool:
        """Whether the prompt was found, so that questions are answered."""
        return self._state is not None

    async def open(self) -> None:
        """Look the prompt up, and begin as it says.

        Raises:
            AgentUnreachable: there is no such prompt, or what this call changes of it does not fit.
        """
        if self._state is not None:
            return
        llm = await stored_engine(self._find, self._engine, LlmUpdate)
        if llm.s2s_model and self._about.is_spoken:
            log.warning(
                "a model that writes answers, because none that speaks, as the prompt's s2s_model %s, is set up: "
                "see ARI_AGENT_REALTIME_API_KEY and ARI_AGENT_REALTIME_URL",
                llm.s2s_model,
                extra={"call_id": self._about.id},
            )
        state = self._state = PromptState(llm, self._about.variables, is_spoken=self._about.is_spoken)
        state.find(self._about.found)
        if self._about.tell:
            self._about.tell(engine_read(llm, llm.every_tool, state.fill))
        if (after := self._about.after) is not None:
            state.follow(after)
            self._answers.begin(OPENING, [*conversation(after), {"role": "user", "content": RESUMED}])
            return
        begin_message = state.begin_message
        if begin_message is None:
            self._answers.begin(OPENING, [{"role": "user", "content": BEGINNING}])
            return
        if begin_message == "":
            self._answers.begin_with_user(llm.begin_after_user_silence_ms)
        self._on_event(LlmResponse(response_id=OPENING, content=begin_message, content_complete=True))

    def ask(
        self, response_id: int, transcript: Transcript, with_tool_calls: Transcript | None, *, reminds: bool = False
    ) -> None:
        """Have the model answer, as TextAgent.ask says."""
        if self._state is None:
            return
        self._answers.restore_reminders(self._state.llm.begin_after_user_silence_ms)
        self._answers.ask(response_id, transcript if with_tool_calls is None else with_tool_calls, reminds=reminds)

    def update(
        self, transcript: Transcript, with_tool_calls: Transcript | None, *, turntaking: Turntaking | None = None
    ) -> None:
        """Do nothing: what was said comes with the next question."""

    async def close(self) -> None:
        """Stop answering. Idempotent."""
        self._state = None
        await self._answers.close()

    async def _answer(self, response_id: int, messages: list[ChatMessage]) -> LlmResponse:
        """Ask the model, run the tools that it calls, and ask again, until the answer is complete: return its end."""
        state, answers = self._state, self._answers
        for _ in range(MAX_REQUESTS):
            if state is None or answers.has_newer_question():
                break
            said, calls = await answers.listen(response_id, state.request(messages))
            results: list[tuple[ToolCall, str]] = []
            asks_again = False
            for call in calls:
                if answers.has_newer_question():
                    break
                tool = state.tool(call.name)
                if isinstance(tool, EndCallTool | TransferCallTool | PressDigitTool):
                    end = await self._end(response_id, state, tool, call, has_spoken=bool(said))
                    if isinstance(end, LlmResponse):
                        return end
                    result, again = end, True
                else:
                    result, again = await self._run(response_id, state, tool, call, has_spoken=bool(said))
                results.append((call, result))
                asks_again |= again
            messages += tool_round(said, results) if results else []
            answers.results += results
            if not asks_again:
                break
        else:
            log.warning("a model calls tools without end, and is not asked again", extra={"call_id": self._about.id})
        return LlmResponse(response_id=response_id, content="", content_complete=True)

    async def _end(
        self,
        response_id: int,
        state: PromptState,
        tool: EndCallTool | TransferCallTool | PressDigitTool,
        call: ToolCall,
        *,
        has_spoken: bool,
    ) -> LlmResponse | str:
        """Return the last message of the answer, with what the tool does, or what is wrong with the model's call."""
        given = read_arguments(call.arguments)
        action = tool_action(tool, given, state.fill)
        if isinstance(action, str):
            self._answers.note(call)
            self._answers.note_result(call, action, successful=False)
            return action
        if not has_spoken:
            self._answers.speak_meanwhile(response_id, tool, given or {}, state.fill)
        if isinstance(tool, PressDigitTool):
            await asyncio.sleep(tool.delay_ms / 1000)
        return AnswerEnd(response_id=response_id, content="", content_complete=True, done=action)

    async def _run(
        self,
        response_id: int,
        state: PromptState,
        tool: LlmTool | StateEdge | None,
        call: ToolCall,
        *,
        has_spoken: bool,
    ) -> tuple[str, bool]:
        """Run a tool; returns its result, and whether the model is to be asked again."""
        answers = self._answers

        async def run_function(tool: CustomTool, given: Mapping[str, Any]) -> FunctionResult:
            if not has_spoken:
                answers.speak_meanwhile(response_id, tool, given, state.fill)
            return await answers.run(response_id, tool, call, given, state.variables)

        answers.note(call)
        run = await run_tool(call.name, tool, read_arguments(call.arguments), state, run_function=run_function)
        answers.collect(run.found)
        answers.note_result(call, run.result, successful=run.successful)
        return run.result, run.asks_again
