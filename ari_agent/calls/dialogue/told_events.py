"""Which event of a text agent's dialogue each command of its call is, and each message of its server. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ari_agent.agents.llm import (
    LlmAgentConfig,
    LlmInterrupt,
    LlmMessage,
    LlmResponse,
    LlmToolInvocation,
    LlmToolResult,
)
from ari_agent.calls.dialogue import events
from ari_agent.calls.dialogue.events import Event
from ari_agent.calls.media import commands
from ari_agent.calls.media.commands import Command, ControlFailed, Voicemail
from ari_agent.contract.call_control import TransferOutcome
from ari_agent.contract.transcript import NodeTransition


def event_of_command(command: Command) -> Event | None:
    """Return what the dialogue is to be told of a command of its call; None where it is not told.

    Of a transfer it is told the end alone, and of failures those of what a text agent can ask for.
    """
    event = _OF_COMMANDS.get(type(command))
    return event(command) if event else None


def event_of_message(message: LlmMessage) -> Event | None:
    """Return what the dialogue is to be told of a message of the agent's server; None where it is not told."""
    # A prompt's last message is a kind of LlmResponse.
    event = next((_OF_MESSAGES[kind] for kind in type(message).__mro__ if kind in _OF_MESSAGES), None)
    return event(message) if event else None


def _voicemail(command: Voicemail) -> Event:
    notice = command.notice
    return events.GreetingBegan() if notice.status == "greeting" else events.RecordingBegan(notice)


def _failed(command: ControlFailed) -> Event | None:
    if command.event == "dtmf":
        return events.DigitsRefused(command.message)
    if command.event == "transfer":
        return events.TransferEnded(TransferOutcome(status="failed", message=command.message))
    return None


_OF_COMMANDS: Final[Mapping[type[Command], Callable[[Any], Event | None]]] = {
    commands.KeyPressed: lambda command: events.KeyPressed(command.digit),
    commands.CallerAway: lambda _: events.CallerLeft(),
    commands.CallerBack: lambda _: events.CallerReturned(),
    commands.ApiControl: lambda command: events.ApiControlled(command.control),
    commands.TransferResult: lambda command: events.TransferEnded(command.outcome),
    Voicemail: _voicemail,
    ControlFailed: _failed,
}

_OF_MESSAGES: Final[Mapping[type[LlmMessage], Callable[[Any], Event]]] = {
    LlmResponse: events.AgentSaid,
    LlmInterrupt: events.AgentSaid,
    LlmToolInvocation: events.AgentUsedTool,
    LlmToolResult: events.AgentUsedTool,
    NodeTransition: events.AgentUsedTool,
    LlmAgentConfig: events.AgentConfigured,
}
