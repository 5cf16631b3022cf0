"""How an agent with a model answers, whatever tells the model what to say: one answer at a time, with its tools.

    ask ──▶ answer ── text of the model ──────▶ LlmResponse, piece by piece
              ▲  │
              │  └─ a custom tool ────────────▶ LlmToolInvocation, it runs, LlmToolResult
              └───── a newer question, once that has run

A question that comes while the model speaks takes its place. One that comes while a custom tool runs waits for the end
of that: what has been begun at the customer's is not begun twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from ari_agent.agents.llm import LlmAgentConfig, LlmResponse, LlmToolInvocation, LlmToolResult
from ari_agent.agents.llm_connection import LlmDisconnected, LlmEvent
from ari_agent.agents.text_agent import Transcript
from ari_agent.contract.llm_tools import CustomTool, LlmTool
from ari_agent.errors import AgentError
from ari_agent.prompt_agents.chat_messages import BEGINNING, REMINDER, conversation, results_not_in
from ari_agent.prompt_agents.chat_model import ChatModel
from ari_agent.prompt_agents.conversation import Conversation
from ari_agent.prompt_agents.custom_function import CustomFunctions, FunctionResult
from ari_agent.prompt_agents.model import ChatMessage, ModelFailed, ModelRequest, Text, TokensUsed, ToolCall
from ari_agent.prompt_agents.model_steps import RequestSteps
from ari_agent.prompt_agents.tool_specs import MESSAGE

log = logging.getLogger(__name__)

MAX_REQUESTS: Final = 8
"""How often the model is asked within one answer: a model that calls tools for ever must not leave a caller waiting."""

Answer: TypeAlias = Callable[[int, list[ChatMessage]], Awaitable[LlmResponse]]
"""Says the answer to a request, by its id and the messages so far, and returns its last message."""


@dataclass(frozen=True, slots=True)
class ModelAccess:
    """What all agents with a model share: the server of the model, and who calls the customer's tools."""

    model: ChatModel
    functions: CustomFunctions


class ModelAnswers:
    """The answers of one conversation's agent. answer: makes them. on_event: called with what comes of them."""

    def __init__(
        self, access: ModelAccess, about: Conversation, on_event: Callable[[LlmEvent], None], answer: Answer
    ) -> None:
        self._access, self._about, self._on_event, self._answer = access, about, on_event, answer
        self._answering: asyncio.Task[None] | None = None
        self._function_runs = self._is_closed = False
        self._next: tuple[int, list[ChatMessage]] | None = None
        self._call_ids: set[str] = set()  # of all tool calls so far
        self.results: list[tuple[ToolCall, str]] = []
        """The tool calls of the answer that is being made, with what has come of each."""

    # what is asked

    def ask(self, response_id: int, transcript: Transcript, *, reminds: bool = False) -> None:
        """Have a question answered, as TextAgent.ask says. transcript: with tool calls, where they are known."""
        messages = conversation(transcript)
        if reminds or not messages:
            messages.append({"role": "user", "content": REMINDER if reminds else BEGINNING})
        if self._function_runs:
            self._next = (response_id, messages)
        else:
            self.begin(response_id, messages)

    def begin(self, response_id: int, messages: list[ChatMessage]) -> None:
        """Begin an answer now, in place of the one before it."""
        if self._answering:
            self._answering.cancel()
        self._answering = asyncio.create_task(
            self._complete(response_id, messages), name=f"answer {response_id} of {self._about.id}"
        )

    async def close(self) -> None:
        """Stop answering. Idempotent."""
        self._is_closed = True
        if self._answering:
            self._answering.cancel()
            await asyncio.wait([self._answering])

    def has_newer_question(self) -> bool:
        """Return whether the user has said more, which the model is to know before it does anything else."""
        return self._next is not None

    async def _complete(self, response_id: int, messages: list[ChatMessage]) -> None:
        self.results = []
        try:
            last = await self._answer(response_id, messages)
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
            self.begin(newest, asked + results_not_in(asked, self.results))
        else:
            self._on_event(last)

    # what an answer is made of

    async def listen(
        self, response_id: int, request: ModelRequest, *, speaks: bool = True
    ) -> tuple[str, list[ToolCall]]:
        """Ask the model, and say its words as they come; return them all, and the tools that it calls.

        speaks: False where its words are for nobody.

        Raises:
            ModelFailed: it gives no answer.
        """
        said: list[str] = []
        calls: list[ToolCall] = []
        steps = self._steps(response_id)
        steps.asked(request, model=request.model or self._access.model.name)
        try:
            async with contextlib.aclosing(self._access.model.answer(request)) as pieces:
                async for piece in pieces:
                    match piece:
                        case Text(text):
                            said.append(text)
                            if speaks:
                                self.say(response_id, text)
                        case ToolCall():
                            calls.append(self.with_own_id(piece))
                        case TokensUsed():
                            self._about.used(piece)
                            steps.used = piece
        except ModelFailed as error:
            steps.failed(str(error))
            raise
        steps.answered("".join(said), calls)
        return "".join(said), calls

    def with_own_id(self, call: ToolCall) -> ToolCall:
        """Return a tool call with an id that no other one of the conversation has: some servers count anew."""
        call_id = call.call_id if call.call_id not in self._call_ids else f"{call.call_id}_{len(self._call_ids)}"
        self._call_ids.add(call_id)
        return replace(call, call_id=call_id)

    def say(self, response_id: int, text: str) -> None:
        """Say a piece of an answer that is not its last."""
        self._on_event(LlmResponse(response_id=response_id, content=text, content_complete=False))

    def speak_meanwhile(
        self, response_id: int, tool: LlmTool, given: Mapping[str, Any], fill: Callable[[str], str]
    ) -> bool:
        """Say what is to be heard while a tool runs; return whether there is such. fill: replaces the variables."""
        if not tool.speak_during_execution:
            return False
        is_static = tool.execution_message_type == "static_text"
        text = fill(tool.execution_message_description) if is_static else given.get(MESSAGE)
        if not isinstance(text, str) or not text.strip():
            return False
        self.say(response_id, f"{text.strip()} ")
        return True

    async def run(
        self,
        response_id: int,
        tool: CustomTool,
        call: ToolCall,
        given: Mapping[str, Any],
        variables: Mapping[str, str],
        *,
        holds_questions: bool = True,
    ) -> FunctionResult:
        """Call a custom tool. given: what the model wants it called with. holds_questions: newer ones wait for it."""
        arguments = {name: value for name, value in given.items() if name != MESSAGE}
        self._function_runs |= holds_questions
        try:
            found = await self._access.functions.call(tool, arguments, self._about.details(), variables)
        finally:
            if holds_questions:
                self._function_runs = False
        self._steps(response_id).tool(call, found.content, successful=found.successful)
        return found

    def run_behind(self, running: Coroutine[Any, Any, None]) -> None:
        """Let a tool run that nobody waits for: it goes on where the conversation ends before it does."""
        self._access.functions.run_behind(running)

    def note(self, call: ToolCall) -> None:
        """Note in the transcript that a tool is called."""
        self._on_event(LlmToolInvocation(tool_call_id=call.call_id, name=call.name, arguments=call.arguments))

    def note_result(self, call: ToolCall, result: str, *, successful: bool = True) -> None:
        """Note in the transcript what a tool has come to, unless the conversation is over."""
        if not self._is_closed:
            self._on_event(LlmToolResult(tool_call_id=call.call_id, content=result, successful=successful))

    def collect(self, values: Mapping[str, str]) -> None:
        """Have the record keep variables that were found in the conversation."""
        if values and not self._is_closed:
            self._about.collect(values)

    # how the user is listened to

    def begin_with_user(self, silence_ms: int | None) -> None:
        """Let the user begin; after so long a silence the agent is asked to, once."""
        if silence_ms:
            self._on_event(LlmAgentConfig(reminder_trigger_ms=silence_ms, reminder_max_count=1))

    def restore_reminders(self, silence_ms: int | None) -> None:
        """Remind as often as the agent's settings say, where a user who did not begin was reminded sooner."""
        listens = self._about.listens
        if silence_ms and listens and listens.reminder_trigger_ms:
            self._on_event(
                LlmAgentConfig(
                    reminder_trigger_ms=listens.reminder_trigger_ms, reminder_max_count=listens.reminder_max_count
                )
            )

    def _steps(self, response_id: int) -> RequestSteps:
        return RequestSteps(self._about.tell, response_id, asyncio.get_running_loop().time)
