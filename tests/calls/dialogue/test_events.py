"""Events and orders are values: they do not change, and can be sent elsewhere."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import Any, get_args

import pytest

from ari_agent.agents.llm import LlmAgentConfig, LlmResponse, LlmToolInvocation
from ari_agent.calls.dialogue import events, orders
from ari_agent.contract.call_control import TransferOutcome, VoicemailNotice
from ari_agent.contract.call_update import CallControl
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.speech.recognizer import Heard
from ari_agent.speech.synthesizer import SpokenWord

REASON = DisconnectionReason.ERROR_RETELL
VALUES: list[Any] = [
    events.CallerJoined(),
    events.CallerLeft(),
    events.CallerReturned(),
    events.UserVoiceStarted(1.0),
    events.UserVoiceStopped(1.0),
    events.UserHeard(Heard("yes", True)),
    events.KeyPressed("1"),
    events.GreetingBegan(),
    events.RecordingBegan(VoicemailNotice(status="recording", action="prompt", text="hi")),
    events.AgentSaid(LlmResponse(response_id=1, content="yes", content_complete=True)),
    events.AgentUsedTool(LlmToolInvocation(tool_call_id="t", name="n", arguments="{}")),
    events.AgentConfigured(LlmAgentConfig(responsiveness=1)),
    events.AgentReconnected(),
    events.AgentClosed(),
    events.SoundMade(1, b"\0\0", (SpokenWord("a", 0, 1),)),
    events.SoundEnded(1),
    events.SoundPlayed(1, 20.0),
    events.VoiceFailed(REASON, "why"),
    events.ApiControlled(CallControl(trigger_response=True)),
    events.TransferEnded(TransferOutcome(status="failed")),
    events.DigitsRefused("why"),
    events.Failed(REASON, "why"),
    events.CallEnded(),
    events.TimePassed(1.0),
    orders.Ask(1),
    orders.SendUpdate("agent_turn"),
    orders.Speak(1, "Hello."),
    orders.PlaySound(1, 20.0, b"\0\0"),
    orders.ClearSpeech(),
    orders.PauseSpeech(),
    orders.ResumeSpeech(1, 20.0),
    orders.HangUp(),
    orders.Fail(REASON, "why"),
    orders.Transfer("1"),
    orders.Press("1"),
]


def test_all_are_here() -> None:
    assert {type(value) for value in VALUES} == {*get_args(events.Event), *get_args(orders.Order)}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_does_not_change_and_can_be_pickled(value: Any) -> None:
    assert is_dataclass(value)
    assert pickle.loads(pickle.dumps(value)) == value
    for field in fields(value):
        with pytest.raises(FrozenInstanceError):
            setattr(value, field.name, None)


def test_no_sound_stands_in_a_log_line() -> None:
    assert "pcm" not in repr(events.SoundMade(1, b"\1\2")) + repr(orders.PlaySound(1, 20.0, b"\1\2"))
