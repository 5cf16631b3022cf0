"""What of a conversation with a text agent the public log tells."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ari_agent.calls.dialogue.events import Event, TimePassed, UserHeard, UserVoiceStarted, UserVoiceStopped
from ari_agent.calls.dialogue.orders import Ask, ClearSpeech, HangUp, Order, PauseSpeech, ResumeSpeech, Speak
from ari_agent.calls.dialogue.turn_steps import turn_steps
from ari_agent.calls.media.call_media import TurnStep
from ari_agent.speech.recognizer import Heard


@pytest.mark.parametrize(
    ("event", "orders", "steps"),
    [
        (UserVoiceStarted(5.0), (PauseSpeech(),), [TurnStep("user_voice_began"), TurnStep("agent_paused")]),
        (UserVoiceStopped(5.0), (ResumeSpeech(1, 0.0),), [TurnStep("user_voice_ended"), TurnStep("agent_resumed")]),
        (UserHeard(Heard("yes", final=False)), (), []),
        (
            UserHeard(Heard("yes", final=True)),
            (ClearSpeech(), Ask(3)),
            [TurnStep("user_heard", text="yes"), TurnStep("agent_interrupted"), TurnStep("agent_asked", 3)],
        ),
        (TimePassed(), (Ask(4, reminds=True), HangUp()), [TurnStep("agent_reminded", 4)]),
        (TimePassed(), (Speak(1, "Hello."), Speak(2, "", 500)), [TurnStep("agent_sentence", text="Hello.")]),
    ],
)
def test_steps(event: Event, orders: Sequence[Order], steps: Sequence[TurnStep]) -> None:
    assert list(turn_steps(event, orders)) == steps
