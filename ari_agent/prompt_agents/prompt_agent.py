"""An agent that answers by a prompt: the model says what to say and which tools to call, and here that is done.

It is a TextAgent like a server behind a websocket, and what it says comes in the same messages: a call or chat has the
same turns, interruptions, transcript and time-outs with either.

    ask ──▶ the model ── text ──────────────▶ LlmResponse, piece by piece
               ▲  │
               │  ├─ a tool that ends the answer: end_call, transfer_call, press_digit ──▶ the last LlmResponse
               │  └─ any other tool ──▶ LlmToolInvocation, it runs, LlmToolResult
               └──── its result, at most MAX_ROUNDS times in one answer

A question that comes while the model speaks takes its place. One that comes while a custom tool runs waits for the end
of that: what has been begun at the customer's is not begun twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ari_agent.agents.llm import (
    Action,
    LlmAgentConfig,
    LlmResponse,
    LlmToolInvocation,
    LlmToolResult,
    Turntaking,
)
from ari_agent.agents.llm_connection import LlmDisconnected, LlmEvent
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
from ari_agent.contract.retell_llm import StateEdge
from ari_agent.errors import AgentError
from ari_agent.prompt_agents.chat_messages import (
    BEGINNING,
    REMINDER,
    conversation,
    results_not_in,
    tool_round,
)
from ari_agent.prompt_agents.chat_model import ChatModel
from ari_agent.prompt_agents.custom_function import CustomFunctions
from ari_agent.prompt_agents.model import ChatMessage, ModelFailed, ModelStep, Text, TokensUsed, ToolCall
from ari_agent.prompt_agents.model_steps import RequestSteps, prompt_read
from ari_agent.prompt_agents.prompt_state import PromptState
from ari_agent.prompt_agents.stored_prompt import FindLlm, prompt_of
from ari_agent.prompt_agents.tool_actions import tool_action
from ari_agent.prompt_agents.tool_runs import run_tool
from ari_agent.prompt_agents.tool_specs import MESSAGE, read_arguments

log = logging.getLogger(__name__)

MAX_ROUNDS: Final = 8
"""How often the model is asked within one answer: a model that calls tools for ever must not leave a caller waiting."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The call or chat that an agent is for.

    id: for the log. variables: returns its dynamic variables, those of the system included. details: returns the call
    object, for custom tools. is_spoken: it is no chat. reminder_trigger_ms, reminder_max_count: the agent's own. used:
    is told what each request has cost. tell: is told what the model is asked and answers; None: nobody wants to know.
    """

    id: str
    variables: Callable[[], Mapping[str, str]]
    details: Callable[[], Mapping[str, object]]
    is_spoken: bool
    reminder_trigger_ms: float | None = None
    reminder_max_count: int | None = None
    used: Callable[[TokensUsed], None] = lambda _: None
    tell: Callable[[ModelStep], None] | None = None


@dataclass(frozen=True, slots=True)
class PromptAgents:
    """What the prompt agents of all conversations share. find: returns a stored prompt, by its id and version."""

    model: ChatModel
    functions: CustomFunctions
    find: FindLlm

    def agent(
        self, engine: RetellLlmEngine, conversation: Conversation, on_event: Callable[[LlmEvent], None]
    ) -> PromptAgent:
        """Make the agent of one conversation. on_event: called with what it says and does, and with its end."""
        return PromptAgent(self, engine, conversation, on_event)


class AnswerEnd(LlmResponse):
    """The end of an answer, with what is done once it has been heard."""

    done: Action | None = None

    @property
    def action(self) -> Action | None:
        """Return what is done."""
        return self.done


class PromptAgent:
    """The agent of one conversation: see TextAgent."""

    wants_tool_calls = True

    def __init__(
        self,
        shared: PromptAgents,
        engine: RetellLlmEngine,
        about: Conversation,
        on_event: Callable[[LlmEvent], None],
    ) -> None:
        self._shared, self._engine, self._about, self._on_event = shared, engine, about, on_event
        self._state: PromptState | None = None
        self._answering: asyncio.Task[None] | None = None
        self._function_runs = False
        self._next: tuple[int, list[ChatMessage]] | None = None
        self._call_ids: set[str] = set()  # of all tool calls so far

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
        llm = await prompt_of(self._engine, self._shared.find)
        state = self._state = PromptState(llm, self._about.variables, is_spoken=self._about.is_spoken)
        if self._about.tell:
            self._about.tell(prompt_read(state))
        begin_message = state.begin_message
        if begin_message is None:
            self._begin(OPENING, [{"role": "user", "content": BEGINNING}])
            return
        if begin_message == "" and llm.begin_after_user_silence_ms:
            self._on_event(LlmAgentConfig(reminder_trigger_ms=llm.begin_after_user_silence_ms, reminder_max_count=1))
        self._on_event(LlmResponse(response_id=OPENING, content=begin_message, content_complete=True))

    def ask(
        self, response_id: int, transcript: Transcript, with_tool_calls: Transcript | None, *, reminds: bool = False
    ) -> None:
        """Have the model answer, as TextAgent.ask says."""
        if self._state is None:
            return
        messages = conversation(transcript if with_tool_calls is None else with_tool_calls)
        if reminds or not messages:
            messages.append({"role": "user", "content": REMINDER if reminds else BEGINNING})
        self._restore_reminders()
        if self._function_runs:
            self._next = (response_id, messages)
        else:
            self._begin(response_id, messages)

    def update(
        self, transcript: Transcript, with_tool_calls: Transcript | None, *, turntaking: Turntaking | None = None
    ) -> None:
        """Do nothing: what was said comes with the next question."""

    async def close(self) -> None:
        """Stop answering. Idempotent."""
        self._state = None
        if self._answering:
            self._answering.cancel()
            await asyncio.wait([self._answering])

    def _restore_reminders(self) -> None:
        """Remind as often as the agent's settings say, where a user who did not begin was reminded sooner."""
        about, llm = self._about, self._state and self._state.llm
        if llm and llm.begin_after_user_silence_ms and about.reminder_trigger_ms:
            self._on_event(
                LlmAgentConfig(
                    reminder_trigger_ms=about.reminder_trigger_ms, reminder_max_count=about.reminder_max_count
                )
            )

    def _begin(self, response_id: int, messages: list[ChatMessage]) -> None:
        if self._answering:
            self._answering.cancel()
        self._answering = asyncio.create_task(
            self._answer(response_id, messages), name=f"answer {response_id} of {self._about.id}"
        )

    async def _answer(self, response_id: int, messages: list[ChatMessage]) -> None:
        try:
            last = await self._rounds(response_id, messages)
        except AgentError as error:
            self._on_event(LlmDisconnected(error))
            return
        except Exception:  # no call goes on without its agent because of a defect, and without a word
            log.exception("a prompt's answer was not made", extra={"call_id": self._about.id})
            self._on_event(LlmDisconnected(ModelFailed("the answer could not be made; the log says why")))
            return
        if self._next:
            (newest, asked), self._next = self._next, None
            self._answering = None
            self._begin(newest, asked + results_not_in(asked, self._results))
        else:
            self._on_event(last)

    async def _rounds(self, response_id: int, messages: list[ChatMessage]) -> LlmResponse:
        """Ask the model, run the tools that it calls, and ask again, until the answer is complete: return its end."""
        self._results: list[tuple[ToolCall, str]] = []
        state = self._state
        for _ in range(MAX_ROUNDS):
            if state is None or self._has_newer_question():
                break
            said, calls = await self._listen(response_id, state, messages)
            results: list[tuple[ToolCall, str]] = []
            asks_again = False
            for call in calls:
                if self._has_newer_question():
                    break  # the user has said more, which the model is to know before it does anything else
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
            self._results += results
            if not asks_again:
                break
        else:
            log.warning("a model calls tools without end, and is not asked again", extra={"call_id": self._about.id})
        return LlmResponse(response_id=response_id, content="", content_complete=True)

    def _has_newer_question(self) -> bool:
        return self._next is not None

    async def _listen(
        self, response_id: int, state: PromptState, messages: Sequence[ChatMessage]
    ) -> tuple[str, list[ToolCall]]:
        said: list[str] = []
        calls: list[ToolCall] = []
        request, steps = state.request(messages), self._steps(response_id)
        steps.asked(request, model=request.model or self._shared.model.name)
        try:
            async with contextlib.aclosing(self._shared.model.answer(request)) as pieces:
                async for piece in pieces:
                    match piece:
                        case Text(text):
                            said.append(text)
                            self._say(response_id, text)
                        case ToolCall():
                            calls.append(self._with_own_id(piece))
                        case TokensUsed():
                            self._about.used(piece)
                            steps.used = piece
        except ModelFailed as error:
            steps.failed(str(error))
            raise
        steps.answered("".join(said), calls)
        return "".join(said), calls

    def _steps(self, response_id: int) -> RequestSteps:
        return RequestSteps(self._about.tell, response_id, asyncio.get_running_loop().time)

    def _with_own_id(self, call: ToolCall) -> ToolCall:
        """Return a tool call with an id that no other one of the conversation has: some servers count anew."""
        call_id = call.call_id if call.call_id not in self._call_ids else f"{call.call_id}_{len(self._call_ids)}"
        self._call_ids.add(call_id)
        return replace(call, call_id=call_id)

    def _say(self, response_id: int, text: str) -> None:
        self._on_event(LlmResponse(response_id=response_id, content=text, content_complete=False))

    def _speak_meanwhile(
        self, response_id: int, state: PromptState, tool: LlmTool, given: Mapping[str, Any], *, has_spoken: bool
    ) -> None:
        """Say what is to be heard while a tool runs, unless the model has said something already."""
        if not tool.speak_during_execution or has_spoken:
            return
        is_static = tool.execution_message_type == "static_text"
        text = state.fill(tool.execution_message_description) if is_static else given.get(MESSAGE)
        if isinstance(text, str) and text.strip():
            self._say(response_id, f"{text.strip()} ")

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
            self._note(call)
            self._note_result(call, action, successful=False)
            return action
        self._speak_meanwhile(response_id, state, tool, given or {}, has_spoken=has_spoken)
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
        given = read_arguments(call.arguments)
        self._note(call)
        is_custom = isinstance(tool, CustomTool) and given is not None
        if isinstance(tool, CustomTool):
            self._speak_meanwhile(response_id, state, tool, given or {}, has_spoken=has_spoken or given is None)
        functions, details = self._shared.functions, self._about.details() if is_custom else {}
        self._function_runs = is_custom
        try:
            run = await run_tool(call.name, tool, given, state, functions=functions, call=details)
        finally:
            self._function_runs = False
        if is_custom:
            self._steps(response_id).tool(call, run.result, successful=run.successful)
        self._note_result(call, run.result, successful=run.successful)
        return run.result, run.asks_again

    def _note(self, call: ToolCall) -> None:
        self._on_event(LlmToolInvocation(tool_call_id=call.call_id, name=call.name, arguments=call.arguments))

    def _note_result(self, call: ToolCall, result: str, *, successful: bool = True) -> None:
        self._on_event(LlmToolResult(tool_call_id=call.call_id, content=result, successful=successful))
