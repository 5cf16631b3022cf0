"""The states of a conversation with a text agent, and the tables of what may follow what. Pure.

Three small values, independent of one another, hold all that is mode in a conversation.

AgentPhase: what the agent is doing. A pair that is absent from AGENT_PHASES is illegal, a defect of ours: IllegalMove.

              ┌─ASK─┐
    SILENT ─ASK─▶ ASKING ─FIRST_WORDS─▶ PREPARING ─SOUND─▶ SPEAKING ─DUCK─▶ HELD
      │              ▲                   ▲  │                ▲    ▲           │
      │              └───────────ASK─────┼──┘                │    └──UNDUCK───┘
      └──────────────LEAVE_MESSAGE───────┘                   │
    any ─────────────────────CUT_IN──────────────────────────┘
    any ──CUT──▶ SILENT        PREPARING, SPEAKING, HELD ──FINISH──▶ SILENT

    An answer is asked for only where none is being spoken: there are never two at once.

Stage: what the conversation has come to. A pair that is absent from STAGES changes nothing.

    CONVERSATION ──GreetingBegan──▶ GREETING ──RecordingBegan──▶ RECORDING
        │   └───────────────────────RecordingBegan───────────────────▲
        └──AgentClosed, VoiceFailed (GREETING and RECORDING too)──▶ CLOSING
    any ──HangUp, Fail, CallEnded──▶ OVER

Caller: whether somebody is there to hear the agent. A pair that is absent from CALLERS changes nothing.

    EXPECTED ──────────CallerJoined──▶ PRESENT
      │ ▲ CallerReturned                 │ ▲ CallerReturned
      ▼ │                     CallerLeft ▼ │
    EXPECTED_ON_HOLD ──CallerJoined──▶ ON_HOLD

IGNORED says which events have no effect in which stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, get_args

from ari_agent.calls.dialogue.events import (
    AgentClosed,
    AgentReconnected,
    AgentSaid,
    CallEnded,
    CallerJoined,
    CallerLeft,
    CallerReturned,
    Event,
    GreetingBegan,
    RecordingBegan,
    SoundPlayed,
    VoiceFailed,
)
from ari_agent.calls.dialogue.orders import Fail, HangUp, Order
from ari_agent.errors import CallError


class AgentPhase(Enum):
    """What the agent is doing at this point of the conversation."""

    SILENT = "silent"
    """The agent was asked nothing and has nothing to say: the caller is to speak, or a reminder is due."""
    ASKING = "asking"
    """The agent was asked, and no word of the answer has come. Its opening counts as asked for."""
    PREPARING = "preparing"
    """Words have come, and the caller could hear none of them yet: they are synthesized, or wait for the floor."""
    SPEAKING = "speaking"
    """The agent has the turn: something was played, or the agent cuts in."""
    HELD = "held"
    """The agent's speech is paused while it is found out whether the caller's voice is a barge-in."""


class Move(Enum):
    """What moves the agent from one phase to another."""

    ASK = "ask"
    """The agent is asked for an answer; an answer that was waiting is dropped."""
    FIRST_WORDS = "first words"
    """The first piece of an answer has come, even an empty one."""
    CUT_IN = "cut in"
    """The first piece of an interruption of the agent's own has come: whoever speaks is talked down."""
    SOUND = "sound"
    """The first sound of a sentence is handed to the caller."""
    DUCK = "duck"
    """The caller's voice may be a barge-in, so the agent's speech is paused."""
    UNDUCK = "unduck"
    """The caller's voice was no barge-in, so the agent's speech goes on."""
    CUT = "cut"
    """What the agent says or was asked for is dropped: a barge-in, or a machine has answered."""
    LEAVE_MESSAGE = "leave a message"
    """The agent has a text to say without having been asked: the message for an answering machine."""
    FINISH = "finish"
    """The caller has heard all of the agent's turn, or there was nothing to hear."""


AGENT_PHASES: Final[Mapping[tuple[AgentPhase, Move], AgentPhase]] = {
    (AgentPhase.SILENT, Move.ASK): AgentPhase.ASKING,
    (AgentPhase.SILENT, Move.CUT_IN): AgentPhase.SPEAKING,
    (AgentPhase.SILENT, Move.CUT): AgentPhase.SILENT,
    (AgentPhase.SILENT, Move.LEAVE_MESSAGE): AgentPhase.PREPARING,
    (AgentPhase.ASKING, Move.ASK): AgentPhase.ASKING,
    (AgentPhase.ASKING, Move.FIRST_WORDS): AgentPhase.PREPARING,
    (AgentPhase.ASKING, Move.CUT_IN): AgentPhase.SPEAKING,
    (AgentPhase.ASKING, Move.CUT): AgentPhase.SILENT,
    (AgentPhase.PREPARING, Move.ASK): AgentPhase.ASKING,
    (AgentPhase.PREPARING, Move.SOUND): AgentPhase.SPEAKING,
    (AgentPhase.PREPARING, Move.CUT_IN): AgentPhase.SPEAKING,
    (AgentPhase.PREPARING, Move.CUT): AgentPhase.SILENT,
    (AgentPhase.PREPARING, Move.FINISH): AgentPhase.SILENT,
    (AgentPhase.SPEAKING, Move.SOUND): AgentPhase.SPEAKING,
    (AgentPhase.SPEAKING, Move.DUCK): AgentPhase.HELD,
    (AgentPhase.SPEAKING, Move.CUT_IN): AgentPhase.SPEAKING,
    (AgentPhase.SPEAKING, Move.CUT): AgentPhase.SILENT,
    (AgentPhase.SPEAKING, Move.FINISH): AgentPhase.SILENT,
    (AgentPhase.HELD, Move.SOUND): AgentPhase.HELD,
    (AgentPhase.HELD, Move.UNDUCK): AgentPhase.SPEAKING,
    (AgentPhase.HELD, Move.CUT_IN): AgentPhase.SPEAKING,
    (AgentPhase.HELD, Move.CUT): AgentPhase.SILENT,
    (AgentPhase.HELD, Move.FINISH): AgentPhase.SILENT,
}

HAS_TURN: Final = frozenset({AgentPhase.SPEAKING, AgentPhase.HELD})
"""The phases in which it is the agent's turn to speak."""


class IllegalMove(CallError):
    """A move that the agent's phase does not allow: a defect of the dialogue, not of anybody outside."""

    def __init__(self, phase: AgentPhase, move: Move) -> None:
        super().__init__(f"the agent cannot {move.value} while {phase.value}")
        self.phase, self.move = phase, move


def moved(phase: AgentPhase, move: Move) -> AgentPhase:
    """Return the phase that follows upon `move`.

    Raises:
        IllegalMove: the table has no such pair.
    """
    try:
        return AGENT_PHASES[phase, move]
    except KeyError:
        raise IllegalMove(phase, move) from None


class Stage(Enum):
    """The stage that the conversation has reached, from talking with a person to being over."""

    CONVERSATION = "conversation"
    """The agent talks with a person, as far as is known."""
    GREETING = "greeting"
    """An answering machine plays its greeting: the agent says nothing, and nobody has turns."""
    RECORDING = "recording"
    """The agent leaves its message, and the call ends with it."""
    CLOSING = "closing"
    """The agent or its voice is gone: what it said before is heard to its end, and the call ends with it."""
    OVER = "over"
    """The call was told to end; all that still counts is what the caller has heard."""


STAGES: Final[Mapping[tuple[Stage, type[Event | Order]], Stage]] = {
    (Stage.CONVERSATION, GreetingBegan): Stage.GREETING,
    (Stage.CONVERSATION, RecordingBegan): Stage.RECORDING,
    (Stage.GREETING, RecordingBegan): Stage.RECORDING,
    (Stage.CONVERSATION, AgentClosed): Stage.CLOSING,
    (Stage.CONVERSATION, VoiceFailed): Stage.CLOSING,
    (Stage.GREETING, AgentClosed): Stage.CLOSING,
    (Stage.GREETING, VoiceFailed): Stage.CLOSING,
    (Stage.RECORDING, AgentClosed): Stage.CLOSING,
    (Stage.RECORDING, VoiceFailed): Stage.CLOSING,
    **{(stage, end): Stage.OVER for stage in Stage for end in (HangUp, Fail, CallEnded)},
}

MAY_ASK: Final = frozenset({Stage.CONVERSATION, Stage.RECORDING})
"""The stages in which the agent can be asked; what it would say in the others is not spoken."""
HAS_TURNS: Final = frozenset({Stage.CONVERSATION, Stage.CLOSING})
"""The stages in which the caller's voice has turns; a machine's has none."""
ENDS_WITH_TURN: Final = frozenset({Stage.RECORDING, Stage.CLOSING})
"""The stages in which the call ends once the agent has said what it has to say."""

IGNORED: Final[Mapping[Stage, frozenset[type[Event]]]] = {
    Stage.CONVERSATION: frozenset(),
    Stage.GREETING: frozenset({GreetingBegan}),
    Stage.RECORDING: frozenset({GreetingBegan, RecordingBegan}),
    Stage.CLOSING: frozenset({GreetingBegan, RecordingBegan, AgentSaid, AgentReconnected, AgentClosed}),
    Stage.OVER: frozenset(get_args(Event)) - {SoundPlayed, CallEnded},
}


class Caller(Enum):
    """Whether a caller is connected and listens to the agent."""

    EXPECTED = "expected"
    EXPECTED_ON_HOLD = "expected on hold"
    PRESENT = "present"
    ON_HOLD = "on hold"


CALLERS: Final[Mapping[tuple[Caller, type[Event]], Caller]] = {
    (Caller.EXPECTED, CallerJoined): Caller.PRESENT,
    (Caller.EXPECTED, CallerLeft): Caller.EXPECTED_ON_HOLD,
    (Caller.EXPECTED_ON_HOLD, CallerReturned): Caller.EXPECTED,
    (Caller.EXPECTED_ON_HOLD, CallerJoined): Caller.ON_HOLD,
    (Caller.PRESENT, CallerLeft): Caller.ON_HOLD,
    (Caller.ON_HOLD, CallerReturned): Caller.PRESENT,
}

CHANGES_MODE: Final = frozenset(kind for _, kind in (*STAGES, *CALLERS))
"""The events that stand in STAGES or CALLERS; most do not."""
