"""An agent that answers by a conversation flow: it goes from node to node, and does in each what that says.

flow_state.py knows where the conversation is; here the model is asked, tools run, and words are said. An answer goes
through as many nodes as need no word of the user, and ends where one does, or where the call is to do something:

    conversation               its words; the answer ends, and the user is waited for
    function, extract          its work, then a way out, in the same answer; with no way out, the model talks about it
    branch                     a way out
    transfer, press digit, end the answer ends with the action

An answer after which no user is waited for ends with GoOn: once it was heard, the conversation asks again. The model is
asked once for a turn in one node, and twice for one that leads to another; static texts and equations ask nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias

from ari_agent.agents.llm import Action, EndCall, GoOn, LlmResponse, Turntaking
from ari_agent.agents.llm_connection import LlmEvent
from ari_agent.agents.llm_requests import OPENING
from ari_agent.agents.text_agent import Transcript
from ari_agent.contract.conversation_flow import ConversationFlow, FlowUpdate
from ari_agent.contract.flow_nodes import (
    BranchNode,
    ConversationNode,
    EndNode,
    ExtractVariablesNode,
    FlowNode,
    FunctionNode,
    PressDigitNode,
    TransferCallNode,
)
from ari_agent.contract.llm_tools import CustomTool, ExtractVariablesTool, TransferCallTool
from ari_agent.contract.response_engine import ConversationFlowEngine
from ari_agent.contract.transcript import NodeTransition
from ari_agent.prompt_agents import flow_tools
from ari_agent.prompt_agents.chat_messages import BEGINNING, tool_round
from ari_agent.prompt_agents.conversation import AnswerEnd, Conversation
from ari_agent.prompt_agents.flow_state import FlowState, Way
from ari_agent.prompt_agents.flow_transcript import FlowTranscript
from ari_agent.prompt_agents.model import ChatMessage, ModelFailed, ModelRequest, ModelStep, ToolCall
from ari_agent.prompt_agents.model_answers import MAX_REQUESTS, ModelAccess, ModelAnswers
from ari_agent.prompt_agents.model_steps import engine_read
from ari_agent.prompt_agents.stored_engine import stored_engine
from ari_agent.prompt_agents.tool_actions import tool_action
from ari_agent.prompt_agents.tool_specs import as_variables, read_arguments, tool_spec

_GO_ON: Final = "(The user has said nothing new. Go on with your task.)"
_GOODBYE: Final = "Say goodbye in one short sentence."
_WHAT_NOW: Final = "Tell the user what has come of it, and ask how to go on."
_LISTENING: Final = ("responsiveness", "interruption_sensitivity", "reminder_trigger_ms", "reminder_max_count")
"""Settings of a node that stand for those of the agent as long as it is the current one."""

FindFlow: TypeAlias = Callable[[str, int | None], Awaitable[ConversationFlow | None]]
"""Returns a stored flow, by its id and version."""


@dataclass(slots=True)
class _Turn:
    """An answer that is being made. messages: what the model is told was said and done so far."""

    response_id: int
    state: FlowState
    messages: list[ChatMessage]
    requests: int = 0


class FlowAgent:
    """The agent of one conversation: see TextAgent."""

    wants_tool_calls = True

    def __init__(
        self,
        access: ModelAccess,
        find: FindFlow,
        engine: ConversationFlowEngine,
        about: Conversation,
        on_event: Callable[[LlmEvent], None],
    ) -> None:
        self._find, self._engine, self._about, self._on_event = find, engine, about, on_event
        self._answers = ModelAnswers(access, about, on_event, self._answer)
        self._transcript = FlowTranscript()
        self._state: FlowState | None = None
        self._listens = about.listens
        self._last_answer = OPENING
        self._has_ended = True  # the last answer, and was not cut off while it was made
        self._has_words = False  # the last answer

    @property
    def is_open(self) -> bool:
        """Whether the flow was found, so that questions are answered."""
        return self._state is not None

    async def open(self) -> None:
        """Look the flow up, and begin as it says.

        Raises:
            AgentUnreachable: there is no such flow, or what this call changes of it does not fit.
        """
        if self._state is not None:
            return
        flow = await stored_engine(self._find, self._engine, FlowUpdate)
        state = self._state = FlowState(flow, self._about.variables, is_spoken=self._about.is_spoken)
        state.find(self._about.found)
        if self._about.tell:
            self._about.tell(engine_read(flow, flow.tools or (), state.fill))
        self._listen_as(state.node)
        begin_message = state.begin_message
        if begin_message is None:
            self._answers.begin(OPENING, [{"role": "user", "content": BEGINNING}])
        elif begin_message == "":
            self._answers.begin_with_user(flow.begin_after_user_silence_ms)
            self._on_event(_end(OPENING))
        else:
            self._has_words = True
            state.has_spoken = isinstance(state.node, ConversationNode)
            goes_on = not state.has_spoken or state.skips_response
            self._on_event(_end(OPENING, GoOn() if goes_on else None, words=begin_message))

    def ask(
        self, response_id: int, transcript: Transcript, with_tool_calls: Transcript | None, *, reminds: bool = False
    ) -> None:
        """Have the flow answer, as TextAgent.ask says."""
        if self._state is None:
            return
        if self._state.flow.begin_after_user_silence_ms and self._listens:
            self._on_event(self._listens)  # a user who did not begin was reminded sooner
        known = transcript if with_tool_calls is None else with_tool_calls
        self._transcript.asked(known)
        self._answers.ask(response_id, known, reminds=reminds)

    def update(
        self, transcript: Transcript, with_tool_calls: Transcript | None, *, turntaking: Turntaking | None = None
    ) -> None:
        """Do nothing: what was said comes with the next question."""

    async def close(self) -> None:
        """Stop answering. Idempotent."""
        self._state = None
        await self._answers.close()

    # an answer

    async def _answer(self, response_id: int, messages: list[ChatMessage]) -> LlmResponse:
        """Go through the nodes of the flow until the answer is complete: return its end."""
        state = self._state
        if state is None:
            return _end(response_id)
        state.resume(self._transcript.last_move(), agent_spoke=self._transcript.agent_spoke())
        if self._transcript.user_spoke():
            state.user_spoke()
        if isinstance(state.node, TransferCallNode) and state.has_spoken and self._transcript.transfer() == "begun":
            return _end(response_id)  # nobody is there to hear it
        if self._is_unheard(state) and (back := state.go_back()):
            self._tell(response_id, back, state.node)
        state.begin_answer()
        self._last_answer, self._has_ended, self._has_words = response_id, False, False
        turn = _Turn(response_id, state, messages)
        while not self._answers.has_newer_question():
            if end := await self._STEPS[type(state.node)](self, state.node, turn):
                self._has_ended, state.user_waits = True, False
                return end
        return _end(response_id)

    def _is_unheard(self, state: FlowState) -> bool:
        """Whether the last answer was cut off before it was heard, or before its action, and can be taken back."""
        if state.is_settled:
            return False
        if isinstance(state.node, EndNode | TransferCallNode) and state.has_spoken:
            return self._transcript.transfer() == "not begun"
        if not self._has_ended and not state.is_spoken:
            return True
        was_heard = self._transcript.was_heard(self._last_answer)
        return state.is_spoken and not was_heard and (self._has_words or not self._has_ended)

    # nodes, a method each: returns the end of the answer, or None where the flow is in another node

    async def _converse(self, node: ConversationNode, turn: _Turn) -> LlmResponse | None:
        state = turn.state
        if not state.has_spoken:
            if node.instruction.type == "static_text":
                self._say(turn, state.fill(node.instruction.text))
                state.has_spoken = True
                return _end(turn.response_id, GoOn() if state.skips_response else None)
            return await self._talk(turn, state.open_ways() if state.user_waits else {})
        if state.skips_response and (way := state.way(node.skip_response_edge)):
            return self._go(turn, way)
        if not state.user_waits:
            return await self._talk(turn, {})
        if way := state.way(node.always_edge):
            return self._go(turn, way)
        return await self._leave_or_talk(turn, state.way(node.else_edge))

    async def _function(self, node: FunctionNode, turn: _Turn) -> LlmResponse | None:
        state = turn.state
        if not state.has_spoken:
            tool = flow_tools.of_function(node, state.flow)
            call, given = await self._called(turn, tool, asks=flow_tools.needs_model(tool))
            state.has_spoken = state.is_settled = True
            self._has_words |= self._answers.speak_meanwhile(turn.response_id, tool, given or {}, state.fill)
            if node.wait_for_result:
                await self._run(turn, tool, call, given)
            else:
                self._answers.run_behind(self._run(turn, tool, call, given, waits=False))
                if self._has_words:
                    return _end(turn.response_id, GoOn())
            if self._answers.has_newer_question():
                return _end(turn.response_id)
        return await self._leave_or_talk(turn, state.way(node.else_edge))

    async def _run(
        self, turn: _Turn, tool: CustomTool, call: ToolCall, given: Mapping[str, Any] | None, *, waits: bool = True
    ) -> None:
        """Run a function, and keep what comes of it. waits: a newer question waits for its end."""
        self._answers.note(call)
        result, successful = "Error: the model named no arguments for it", False
        if given is not None:
            found = await self._answers.run(
                turn.response_id, tool, call, given, turn.state.variables, holds_questions=waits
            )
            self._find_variables(turn.state, found.variables)
            result, successful = found.content, found.successful
        self._keep(turn, call, result, successful=successful)

    async def _extract(self, node: ExtractVariablesNode, turn: _Turn) -> LlmResponse | None:
        state = turn.state
        if not state.has_spoken:
            call, given = await self._called(turn, flow_tools.of_extraction(node), asks=True)
            self._find_variables(state, as_variables(given or {}, [variable.name for variable in node.variables]))
            self._answers.note(call)
            self._keep(turn, call, "done" if given else "Error: nothing was found", successful=bool(given))
            state.has_spoken = True
        return await self._leave_or_talk(turn, state.way(node.else_edge))

    async def _branch(self, node: BranchNode, turn: _Turn) -> LlmResponse | None:
        return await self._leave_or_talk(turn, turn.state.way(node.else_edge))

    async def _press(self, node: PressDigitNode, turn: _Turn) -> LlmResponse | None:
        state, tool = turn.state, flow_tools.of_press(node)
        if not state.is_spoken:
            return await self._leave_or_talk(turn, state.way(node.else_edge))
        leaves = state.has_spoken and state.user_waits
        if leaves and (way := state.decided()):
            return self._go(turn, way)
        ways = state.open_ways() if leaves else {}
        asked = [tool_spec(tool, state.fill), flow_tools.WAIT]
        _, calls = await self._ask(turn, turn.state.task, ways=ways, tools=asked, speaks=False)
        state.has_spoken = True
        way = next((ways[call.name] for call in calls if call.name in ways), None)
        if way is None and (call := next((call for call in calls if call.name == tool.name), None)):
            action = tool_action(tool, read_arguments(call.arguments), state.fill)
            if isinstance(action, str):
                self._answers.note(call)
                self._keep(turn, call, action, successful=False)
                return None  # the model is told, and asked again
            await asyncio.sleep(node.delay_ms / 1000)
            state.is_settled = True
            return _end(turn.response_id, action)
        way = way or (state.way(node.else_edge) if leaves else None)
        return self._go(turn, way) if way else _end(turn.response_id)

    async def _transfer(self, node: TransferCallNode, turn: _Turn) -> LlmResponse | None:
        state = turn.state
        if state.is_spoken and not state.has_spoken:
            tool = flow_tools.of_transfer(node)
            call, given = await self._called(turn, tool, asks=flow_tools.needs_model(tool))
            action = tool_action(tool, given, state.fill)
            state.has_spoken = True
            if not isinstance(action, str):
                self._has_words |= self._answers.speak_meanwhile(turn.response_id, tool, given or {}, state.fill)
                self._transcript.expect_transfer()
                return _end(turn.response_id, action)
            self._answers.note(call)
            self._keep(turn, call, action, successful=False)
            state.is_settled = True
        way = state.way(node.edge) or state.decided()
        return self._go(turn, way) if way else await self._talk(turn, state.open_ways(), task=_WHAT_NOW)

    async def _bye(self, node: EndNode, turn: _Turn) -> LlmResponse | None:
        state, said = turn.state, node.instruction
        state.has_spoken = True
        if node.speak_during_execution and said and said.type == "static_text":
            self._say(turn, state.fill(said.text))
        elif node.speak_during_execution:
            await self._ask(turn, state.task or _GOODBYE)
        return _end(turn.response_id, EndCall())

    _STEPS: ClassVar[Mapping[type[FlowNode], Callable[[Any, Any, _Turn], Awaitable[LlmResponse | None]]]] = {
        ConversationNode: _converse,
        FunctionNode: _function,
        ExtractVariablesNode: _extract,
        BranchNode: _branch,
        PressDigitNode: _press,
        TransferCallNode: _transfer,
        EndNode: _bye,
    }

    # what nodes have in common

    async def _leave_or_talk(self, turn: _Turn, otherwise: Way | None) -> LlmResponse | None:
        """Take a way out by its condition, or this one otherwise; with neither have the model talk in this node."""
        state = turn.state
        if way := state.decided():
            return self._go(turn, way)
        ways = state.open_ways()
        if not otherwise:
            return await self._talk(turn, ways, task=state.task or _WHAT_NOW)
        if ways:
            _, calls = await self._ask(turn, state.task, ways=ways, tools=[flow_tools.WAIT], speaks=False)
            otherwise = next((ways[call.name] for call in calls if call.name in ways), otherwise)
        return self._go(turn, otherwise)

    async def _talk(self, turn: _Turn, ways: Mapping[str, Way], task: str | None = None) -> LlmResponse | None:
        """Have the model speak, unless it chooses one of these ways."""
        state = turn.state
        said, calls = await self._ask(turn, state.task if task is None else task, ways=ways)
        state.has_spoken |= bool(said)
        if way := next((ways[call.name] for call in calls if call.name in ways), None):
            if said:
                self._say(turn, " ")
            return self._go(turn, way)
        if said or not calls:
            return _end(turn.response_id, GoOn() if state.skips_response else None)
        wrong = [(call, f"Error: there is no tool {call.name[:64]!a} now") for call in calls]
        turn.messages += tool_round("", wrong)
        return None

    async def _called(
        self, turn: _Turn, tool: CustomTool | TransferCallTool | ExtractVariablesTool, *, asks: bool
    ) -> tuple[ToolCall, dict[str, Any] | None]:
        """Return the call of a tool, and its arguments; None: the model named none. asks: the model is to find them."""
        if asks:
            specs = [tool_spec(tool, turn.state.fill)]
            _, calls = await self._ask(turn, "", tools=specs, speaks=False)
            if call := next((call for call in calls if call.name == tool.name), None):
                return call, read_arguments(call.arguments)
        call = self._answers.with_own_id(ToolCall(f"flow_{turn.response_id}", tool.name, "{}"))
        return call, None if asks else {}

    async def _ask(
        self,
        turn: _Turn,
        task: str,
        *,
        ways: Mapping[str, Way] | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        speaks: bool = True,
    ) -> tuple[str, list[ToolCall]]:
        """Ask the model, as FlowState.request says; return what it said and which tools it calls."""
        turn.requests += 1
        if turn.requests > MAX_REQUESTS:
            raise ModelFailed(
                f"the flow needs more than {MAX_REQUESTS} requests for one answer, and so comes to no end"
            )
        messages = list(turn.messages)
        if messages and messages[-1]["role"] == "assistant":
            messages.append({"role": "user", "content": _GO_ON})
        request: ModelRequest = turn.state.request(messages, task, ways=ways, tools=tools, speaks=speaks)
        said, calls = await self._answers.listen(turn.response_id, request, speaks=speaks)
        said = said.strip()
        self._has_words |= speaks and bool(said)
        return said, calls

    def _say(self, turn: _Turn, text: str) -> None:
        self._has_words |= bool(text.strip())
        self._answers.say(turn.response_id, text)

    def _keep(self, turn: _Turn, call: ToolCall, result: str, *, successful: bool) -> None:
        """Keep what a tool has come to, for the transcript and the model."""
        self._answers.note_result(call, result, successful=successful)
        turn.messages += tool_round("", [(call, result)])
        self._answers.results.append((call, result))

    def _find_variables(self, state: FlowState, values: Mapping[str, str]) -> None:
        state.find(values)
        self._answers.collect(values)

    def _go(self, turn: _Turn, way: Way) -> LlmResponse | None:
        """Go to another node, where the answer goes on."""
        self._tell(turn.response_id, turn.state.take(way), way.destination)
        return None

    def _tell(self, response_id: int, moved: NodeTransition, node: FlowNode) -> None:
        """Tell the transcript and the public log that the conversation is in another node, and listen as that says."""
        self._on_event(moved)
        if self._about.tell:
            facts = {"former_node": moved.former_node_id, "node": moved.new_node_id, "by": moved.transition_type}
            self._about.tell(ModelStep("node_transition", {"response_id": response_id, **facts}))
        self._listen_as(node)

    def _listen_as(self, node: FlowNode) -> None:
        if (own := self._about.listens) is None:
            return
        given = {name: value for name in _LISTENING if (value := getattr(node, name, None)) is not None}
        if (wanted := own.model_copy(update=given)) != self._listens:
            self._listens = wanted
            self._on_event(wanted)


def _end(response_id: int, action: Action | None = None, *, words: str = "") -> LlmResponse:
    """Return the last message of an answer. action: what is done once it was heard."""
    return AnswerEnd(response_id=response_id, content=words, content_complete=True, done=action)
