"""The steps of a text agent's conversation that its call's public log tells, out of its events and orders. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from ari_agent.calls.dialogue.events import Event, UserHeard, UserVoiceStarted, UserVoiceStopped
from ari_agent.calls.dialogue.orders import Ask, ClearSpeech, Order, PauseSpeech, ResumeSpeech, Speak
from ari_agent.calls.media.call_media import TurnStep


def turn_steps(event: Event, orders: Sequence[Order]) -> Iterator[TurnStep]:
    """Yield what an event, and the orders that the dialogue gave because of it, mean for whose turn it is."""
    for happened in (event, *orders):
        if (step := _STEPS.get(type(happened))) and (told := step(happened)):
            yield told


def _heard(event: UserHeard) -> TurnStep | None:
    return TurnStep("user_heard", text=event.heard.text) if event.heard.final else None


def _spoken(order: Speak) -> TurnStep | None:
    return TurnStep("agent_sentence", text=order.text) if order.text else None


_STEPS: Final[Mapping[type, Callable[[Any], TurnStep | None]]] = {
    UserVoiceStarted: lambda _: TurnStep("user_voice_began"),
    UserVoiceStopped: lambda _: TurnStep("user_voice_ended"),
    UserHeard: _heard,
    Ask: lambda order: TurnStep("agent_reminded" if order.reminds else "agent_asked", order.response_id),
    Speak: _spoken,
    ClearSpeech: lambda _: TurnStep("agent_interrupted"),
    PauseSpeech: lambda _: TurnStep("agent_paused"),
    ResumeSpeech: lambda _: TurnStep("agent_resumed"),
}
"""What each kind says. The agent is interrupted by a voice, by keys, or by what it says itself in its next answer."""
