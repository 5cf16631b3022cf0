"""What a speaking model is told of its call: keys, context from the API, transfers, and machines that answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Protocol

from ari_agent.agents.realtime_events import FunctionCall
from ari_agent.calls.dialogue.keypad import Keypad
from ari_agent.calls.dialogue.spoken_transcript import PRESSED
from ari_agent.calls.media import commands
from ari_agent.calls.media.commands import Command
from ari_agent.calls.realtime.realtime_prompt import saying
from ari_agent.calls.realtime.realtime_transcript import RealtimeTranscript
from ari_agent.contract.agent_options import UserDtmfOptions
from ari_agent.prompt_agents.tool_runs import ToolRun


class ModelSide(Protocol):
    """The model of a call, which is told things."""

    def add(self, text: str, *, role: Literal["user", "system"]) -> None:
        """Add a text to the conversation: as the caller's, or as ours."""

    def respond(self, instructions: str | None = None) -> None:
        """Have the model speak. instructions: for this once, in place of its prompt."""

    def leave_message(self, instructions: str | None) -> None:
        """Have the model speak, and hang up once that was heard."""

    def tool_ended(self, call: FunctionCall, run: ToolRun) -> None:
        """Tell the model what a tool has come to."""

    def written(self) -> None:
        """Take note that the transcript has changed."""


class RealtimeCommands:
    """Tells one call's model of the commands of its call. forwards_keys: keys are for the model, too."""

    def __init__(
        self,
        model: ModelSide,
        transcript: RealtimeTranscript,
        *,
        options: UserDtmfOptions | None,
        forwards_keys: bool,
    ) -> None:
        self._model, self._transcript, self._forwards_keys = model, transcript, forwards_keys
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._keypad = Keypad(options)
        self._key_timer: asyncio.TimerHandle | None = None
        self._transfers: deque[FunctionCall] = deque()  # that were asked for, and have no outcome yet

    def transfer_asked(self, call: FunctionCall) -> None:
        """Take note that a tool of the model's has asked for a transfer, whose outcome it is told."""
        self._transfers.append(call)

    def obey(self, command: Command) -> None:
        """Tell the model what a command means for it; of many it is told nothing."""
        if effect := self._EFFECTS.get(type(command)):
            effect(self, command)

    def close(self) -> None:
        """Wait for no more keys. Idempotent."""
        if self._key_timer:
            self._key_timer.cancel()

    def _key_pressed(self, command: commands.KeyPressed) -> None:
        self._transcript.press(command.digit)
        self._model.written()
        if not self._forwards_keys:
            return
        self._entered(self._keypad.press(command.digit, self._now_ms()))
        self.close()
        if (due_ms := self._keypad.due_ms) is not None:
            self._key_timer = self._loop.call_at(self._began_s + due_ms / 1000, self._key_pause)

    def _key_pause(self) -> None:
        self._entered(self._keypad.tick(self._now_ms() + 1))

    def _entered(self, keys: str | None) -> None:
        if keys:
            self._model.add(PRESSED + keys, role="user")
            self._model.respond()

    def _api_controls(self, command: commands.ApiControl) -> None:
        context = command.control.additional_context
        if context is not None:
            self._transcript.inject(context, time_s=self._now_ms() / 1000)
            self._model.add(context, role="system")
        if command.control.trigger_response:
            self._model.respond()

    def _transfer_ended(self, command: commands.TransferResult) -> None:
        outcome = command.outcome
        succeeded = outcome.status == "succeeded"
        why = f": {outcome.message}" if outcome.message else ""
        status = f" (SIP status {outcome.sip_status})" if outcome.sip_status else ""
        if self._transfers:
            run = ToolRun(f"The transfer has {outcome.status}{status}{why}", successful=succeeded)
            self._model.tool_ended(self._transfers.popleft(), run)
        if not succeeded:
            self._model.respond()

    def _transfer_goes_on(self, command: commands.TransferGoesOn) -> None:
        progress = command.progress
        if progress.spoken_by == "agent" and (said := progress.message or progress.prompt):
            self._model.respond(saying(said) if progress.message else said)

    def _voicemail(self, command: commands.Voicemail) -> None:
        notice = command.notice
        if notice.status == "recording" and notice.action != "bridge_transfer":
            is_static = notice.action == "static_text"
            self._model.leave_message(saying(notice.text) if is_static and notice.text else notice.text)

    def _failed(self, command: commands.ControlFailed) -> None:
        if command.event == "dtmf":
            self._model.add(f"The keys were not pressed: {command.message}", role="system")
            self._model.respond()

    def _now_ms(self) -> float:
        return (self._loop.time() - self._began_s) * 1000

    _EFFECTS: Final[Mapping[type[Command], Callable[[RealtimeCommands, Any], None]]] = {
        commands.KeyPressed: _key_pressed,
        commands.ApiControl: _api_controls,
        commands.TransferResult: _transfer_ended,
        commands.TransferGoesOn: _transfer_goes_on,
        commands.Voicemail: _voicemail,
        commands.ControlFailed: _failed,
    }
