"""What a text agent's dialogue is told of its call and of its server, and what it is not."""

from __future__ import annotations

import typing

import pytest

from ari_agent.agents.llm import LlmConfig, LlmResponse
from ari_agent.calls.dialogue import events
from ari_agent.calls.dialogue.told_events import event_of_command, event_of_message
from ari_agent.calls.media import commands
from ari_agent.calls.media.commands import Command, ControlFailed, Voicemail
from ari_agent.contract.call_control import TransferOutcome, VoicemailNotice
from ari_agent.contract.call_update import CallControl
from tests.calls.media.test_commands import COMMANDS

CONTROL = CallControl(additional_context="The order is late.")
DONE = TransferOutcome(status="succeeded")
GREETING = VoicemailNotice(status="greeting", action="static_text")
RECORDING = VoicemailNotice(status="recording", action="prompt")


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (commands.KeyPressed("5", 100), events.KeyPressed("5")),
        (commands.CallerAway(), events.CallerLeft()),
        (commands.CallerBack(), events.CallerReturned()),
        (commands.ApiControl(CONTROL), events.ApiControlled(CONTROL)),
        (commands.TransferResult(DONE), events.TransferEnded(DONE)),
        (Voicemail(GREETING), events.GreetingBegan()),
        (Voicemail(RECORDING), events.RecordingBegan(RECORDING)),
        (ControlFailed("dtmf", "no"), events.DigitsRefused("no")),
        (ControlFailed("transfer", "no"), events.TransferEnded(TransferOutcome(status="failed", message="no"))),
        (ControlFailed("hangup", "no"), None),
        (commands.TargetListens(), None),
    ],
    ids=str,
)
def test_a_command_is_an_event_or_none(command: Command, event: events.Event | None) -> None:
    assert event_of_command(command) == event


def test_it_is_known_of_every_command_whether_the_dialogue_is_told() -> None:
    told = {type(command) for command in COMMANDS.values() if event_of_command(command)}
    untold = {commands.TargetListens, commands.TransferGoesOn, commands.CallDetails}
    assert told | untold == set(typing.get_args(Command))


def test_what_the_agent_says_is_told_and_what_it_sets_is_not() -> None:
    said = LlmResponse(response_id=0, content="Hello")
    assert event_of_message(said) == events.AgentSaid(said)
    assert event_of_message(LlmConfig()) is None
