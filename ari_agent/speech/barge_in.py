"""Barge-in: whether the user's voice interrupts the agent that speaks, and when the agent is ducked meanwhile. Pure.

    agent ──────────speaks──────────────────────────
             └ ECHO_MS of echo ┘
    user              ────voice, min_voice_ms────┤ ducked: silent at once, and nothing is lost yet
                                                 ├── words of its own, or "stop" ──▶ cut off
                                                 ├── voice longer than any nod ────▶ cut off
                                                 └── a nod ("uh huh"), or noise ───▶ unducked

A nod never interrupts, and a voice that began before the agent did ducks it at once. A recognizer that tells words
while they are spoken settles it with the first word; with any other the voice has to be longer than a nod, or over.

One user's turn has one BargeIn, which goes through these states; a pair that is absent from the table changes nothing.

    IMPOSSIBLE ──VOICE──▶ POSSIBLE ──DUCK──▶ DUCKED ──UNDUCK──▶ REFUTED ──VOICE──▶ POSSIBLE
        ▲                    └───CUT_OFF────────┴────CUT_OFF───────┴──▶ DONE
        └──TALKED_DOWN── any
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from ari_agent.speech.turn_settings import TurnSettings
from ari_agent.speech.turn_words import turn_words

ECHO_MS: Final = 300
"""Voice that begins so soon after the agent does may be the agent's own, before the line's echo canceller has it."""
LOOK_AGAIN_MS: Final = 20
"""How soon it is looked again whether a voice goes on that was not long enough yet."""


class BargeInState(Enum):
    """How far the user's turn has come in interrupting the agent."""

    IMPOSSIBLE = "impossible"
    """There is text without a voice, or the agent has talked the user down."""
    POSSIBLE = "possible"
    """There is a voice, and the agent was not ducked for it yet."""
    DUCKED = "ducked"
    """The agent is ducked: words or the voice are to confirm that it is a barge-in."""
    REFUTED = "refuted"
    """The agent was ducked for this voice in vain: only words interrupt now."""
    DONE = "done"
    """The agent was cut off for this turn, which interrupts nothing more."""


class BargeInStep(Enum):
    """What moves a BargeIn from one state to another."""

    VOICE = "voice"
    DUCK = "duck"
    UNDUCK = "unduck"
    CUT_OFF = "cut off"
    TALKED_DOWN = "talked down"


BARGE_INS: Final[Mapping[tuple[BargeInState, BargeInStep], BargeInState]] = {
    (BargeInState.IMPOSSIBLE, BargeInStep.VOICE): BargeInState.POSSIBLE,
    (BargeInState.REFUTED, BargeInStep.VOICE): BargeInState.POSSIBLE,
    (BargeInState.POSSIBLE, BargeInStep.DUCK): BargeInState.DUCKED,
    (BargeInState.DUCKED, BargeInStep.UNDUCK): BargeInState.REFUTED,
    (BargeInState.POSSIBLE, BargeInStep.CUT_OFF): BargeInState.DONE,
    (BargeInState.DUCKED, BargeInStep.CUT_OFF): BargeInState.DONE,
    (BargeInState.REFUTED, BargeInStep.CUT_OFF): BargeInState.DONE,
    **{(state, BargeInStep.TALKED_DOWN): BargeInState.IMPOSSIBLE for state in BargeInState},
}

_MAY_INTERRUPT: Final = frozenset({BargeInState.POSSIBLE, BargeInState.DUCKED, BargeInState.REFUTED})


class BargeIn:
    """One user's turn as an attempt to interrupt the agent. ducked_ms: when the agent was last ducked for it."""

    def __init__(self, *, has_voice: bool) -> None:
        self.state = BargeInState.POSSIBLE if has_voice else BargeInState.IMPOSSIBLE
        self.ducked_ms = 0.0

    @property
    def has_voice(self) -> bool:
        """There is or was a voice that the agent has not talked down."""
        return self.state is not BargeInState.IMPOSSIBLE

    @property
    def may_interrupt(self) -> bool:
        """There is or was a voice, and the agent was not cut off for it yet."""
        return self.state in _MAY_INTERRUPT

    def move(self, step: BargeInStep) -> bool:
        """Take a step, and return whether it has changed the state."""
        before, self.state = self.state, BARGE_INS.get((self.state, step), self.state)
        return self.state is not before

    def duck(self, now_ms: float) -> None:
        """Take note that the agent is ducked from now on."""
        self.move(BargeInStep.DUCK)
        self.ducked_ms = now_ms


def voice_due_ms(
    lasts_ms: float, *, voice_ms: float, voice_until_ms: float | None, agent_ms: float, now_ms: float
) -> float:
    """Return when a voice has lasted so long that it counts, apart from what may be the agent's own echo.

    voice_ms, agent_ms: since when the user and the agent speak. voice_until_ms: where the voice ended last, if known.
    """
    counts_from_ms = max(voice_ms, agent_ms)
    if agent_ms <= voice_ms < agent_ms + ECHO_MS:
        counts_from_ms = agent_ms + ECHO_MS
    due_ms = counts_from_ms + lasts_ms
    if voice_until_ms is not None and voice_until_ms < due_ms:
        return max(due_ms, now_ms + LOOK_AGAIN_MS)
    return due_ms


def is_confirmed_by_words(settings: TurnSettings, text: str) -> bool:
    """Whether these words interrupt: words of one's own, more than a nod (a backchannel), or "stop"."""
    words = turn_words(settings.language)
    return bool(text) and (words.is_stop(text) or words.own_words(text) >= settings.min_words)


def words_decide(settings: TurnSettings, text: str, *, has_partials: bool) -> bool:
    """Whether a voice that goes on interrupts by its words alone, however long it is.

    text: of it so far. has_partials: the recognizer tells words while they are spoken, so that a voice without any text
    has no words.
    """
    return has_partials and (settings.needs_words or bool(text))
