"""A warm transfer, from the target's first ring until caller and target are alone: what may follow what. Pure.

    DIALLING ─TargetAnswered─▶ DETECTING ─HumanHeard─▶ PRIVATE ─MessageOver─▶ PUBLIC ─MessageOver─▶ CUE ─▶ BRIDGED
        │                          │                      │                      │                  │
        └──────TargetFailed, MachineHeard, NobodyHeard, TargetGone, AgentCancels─┴──────────────────┴─▶ CANCELLED
        └──────CallerGone, Stopped────────────────────────────────────────────────────────────────────▶ OVER

                 the caller hears    the agent talks with
    DIALLING     music               nobody
    DETECTING    music               the target, who says hello
    PRIVATE      music               the target, who is told what the call is about
    CONSULTING   music               nobody; a second agent talks with the target
    PUBLIC       both others         caller and target
    CUE          both others         caller and target

An agentic warm transfer has CONSULTING in the place of DETECTING and PRIVATE; from there on the second agent stands in
the first one's place. Between DIALLING and BRIDGED are the phases that the Plan has. A pair that is absent from MOVES
changes nothing: what comes late, or too early, is no news.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, TypeAlias


class Phase(Enum):
    """What a warm transfer has come to."""

    DIALLING = "dialling"
    """The target rings."""
    DETECTING = "detecting"
    """The target has answered, and it is found out whether that is a human."""
    CONSULTING = "consulting"
    """The target talks with a second agent, which decides."""
    PRIVATE = "private handoff"
    """The target alone is told what the call is about."""
    PUBLIC = "public handoff"
    """Caller and target hear the agent hand over."""
    CUE = "cue"
    """Caller and target hear the tone that says that they are connected."""
    BRIDGED = "bridged"
    """Caller and target are alone with each other."""
    CANCELLED = "cancelled"
    """The caller is with the agent again."""
    OVER = "over"
    """The caller is gone, or the call was stopped."""


ENDS: Final = frozenset({Phase.BRIDGED, Phase.CANCELLED, Phase.OVER})
"""The phases after which nothing more happens."""


class Speaker(Enum):
    """Who says a message of the handoff."""

    VOICE = "voice"
    """The text to speech that is set up says it, so that it needs no agent."""
    AGENT = "agent"
    """The agent says it by itself."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a warm transfer consists of.

    detects: nobody is told anything before a human is heard. consults: a second agent talks with the target. private,
    public: who says those messages, None where there is none. cue: both hear a tone when they are connected.
    """

    detects: bool = True
    consults: bool = False
    private: Speaker | None = None
    public: Speaker | None = None
    cue: bool = True

    def after(self, phase: Phase) -> Phase:
        """Return the phase that follows upon one before BRIDGED, if all goes well."""
        wanted = {
            Phase.DETECTING: self.detects,
            Phase.CONSULTING: self.consults,
            Phase.PRIVATE: self.private is not None,
            Phase.PUBLIC: self.public is not None,
            Phase.CUE: self.cue,
            Phase.BRIDGED: True,
        }
        later = _ORDER[_ORDER.index(phase) + 1 :]
        return next(phase for phase in later if wanted[phase])

    def speaker(self, phase: Phase) -> Speaker | None:
        """Return who speaks in a phase; None where nobody has anything to say."""
        return {Phase.PRIVATE: self.private, Phase.PUBLIC: self.public}.get(phase)


_ORDER: Final = (
    Phase.DIALLING,
    Phase.DETECTING,
    Phase.CONSULTING,
    Phase.PRIVATE,
    Phase.PUBLIC,
    Phase.CUE,
    Phase.BRIDGED,
)


# Events.


@dataclass(frozen=True, slots=True)
class TargetAnswered:
    """The target has picked up."""


@dataclass(frozen=True, slots=True)
class TargetFailed:
    """The target did not pick up. message: for people. sip_status: of the far end; None where there was none."""

    message: str
    sip_status: int | None = None


@dataclass(frozen=True, slots=True)
class HumanHeard:
    """A human has answered, or nobody can tell and one is assumed."""


@dataclass(frozen=True, slots=True)
class MachineHeard:
    """An answering machine has answered."""


@dataclass(frozen=True, slots=True)
class NobodyHeard:
    """No human was heard in time."""


@dataclass(frozen=True, slots=True)
class ConsultationFailed:
    """The second agent has cancelled, is not there, or has not decided in time. message: which of it, for people."""

    message: str


@dataclass(frozen=True, slots=True)
class MessageOver:
    """The message or tone of this phase was heard, or its time is over."""


@dataclass(frozen=True, slots=True)
class TargetGone:
    """The target has hung up."""


@dataclass(frozen=True, slots=True)
class CallerGone:
    """The caller has hung up."""


@dataclass(frozen=True, slots=True)
class AgentGone:
    """The agent has left: what it would say is left out, the rest is done without it."""


@dataclass(frozen=True, slots=True)
class AgentBridges:
    """The agent says that the phase is over."""


@dataclass(frozen=True, slots=True)
class AgentCancels:
    """The agent wants the caller back."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The call ends for a reason of its own, such as stop-call."""


Event: TypeAlias = (
    TargetAnswered
    | TargetFailed
    | HumanHeard
    | MachineHeard
    | NobodyHeard
    | ConsultationFailed
    | MessageOver
    | TargetGone
    | CallerGone
    | AgentGone
    | AgentBridges
    | AgentCancels
    | Stopped
)


class Move(Enum):
    """What an event does to a warm transfer."""

    NEXT = "next"
    """The next phase of the plan begins."""
    CANCEL = "cancel"
    """The caller comes back to the agent."""
    LET_GO = "let go"
    """The target is let go, and nobody is told anything: the call is over."""


MOVES: Final[Mapping[tuple[Phase, type[Event]], Move]] = {
    (Phase.DIALLING, TargetAnswered): Move.NEXT,
    (Phase.DIALLING, TargetFailed): Move.CANCEL,
    (Phase.DETECTING, HumanHeard): Move.NEXT,
    (Phase.DETECTING, AgentBridges): Move.NEXT,  # it has heard the target, and knows better
    (Phase.DETECTING, MachineHeard): Move.CANCEL,
    (Phase.DETECTING, NobodyHeard): Move.CANCEL,
    (Phase.CONSULTING, AgentBridges): Move.NEXT,
    # Once it has decided, its words and the tone can do without it.
    **{(phase, ConsultationFailed): Move.CANCEL for phase in (Phase.DIALLING, Phase.CONSULTING)},
    **{
        (phase, event): Move.NEXT
        for phase in (Phase.PRIVATE, Phase.PUBLIC, Phase.CUE)
        for event in (MessageOver, AgentBridges)
    },
    **{(phase, event): Move.CANCEL for phase in _ORDER[:-1] for event in (TargetGone, AgentCancels)},
    **{(phase, event): Move.LET_GO for phase in _ORDER[:-1] for event in (CallerGone, Stopped)},
}

WHY: Final[Mapping[type[Event], str]] = {
    MachineHeard: "an answering machine took the call",
    NobodyHeard: "no human was heard in time",
    TargetGone: "the target hung up",
    AgentCancels: "the agent cancelled the transfer",
}
"""What the agent is told of a transfer that was cancelled; TargetFailed, ConsultationFailed bring their own words."""


# Orders.


@dataclass(frozen=True, slots=True)
class Consult:
    """Bring agent and target together, apart from the caller."""


@dataclass(frozen=True, slots=True)
class Detect:
    """Find out whether the target is a human: HumanHeard, MachineHeard or NobodyHeard follows."""


@dataclass(frozen=True, slots=True)
class Converse:
    """Bring second agent and target together, apart from the caller: AgentBridges or ConsultationFailed follows."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the agent what the transfer has come to, and who hears it from now on."""

    status: Literal["answered", "private_handoff", "public_handoff"]
    hears: Literal["nobody", "target", "both"]


@dataclass(frozen=True, slots=True)
class Speak:
    """Have the message of a phase said; MessageOver follows. speaker: who says it."""

    phase: Phase
    speaker: Speaker


@dataclass(frozen=True, slots=True)
class Join:
    """Bring agent and target to the caller, whose music ends."""


@dataclass(frozen=True, slots=True)
class PlayCue:
    """Play the tone to caller and target; MessageOver follows."""


@dataclass(frozen=True, slots=True)
class HangUpTarget:
    """Hang up on the target, if it is still there."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """Leave caller and target alone: the transfer has succeeded. is_joined: they are together already."""

    is_joined: bool


@dataclass(frozen=True, slots=True)
class BringBack:
    """Bring the caller back to the agent, who is told why: the transfer has failed."""

    message: str
    sip_status: int | None = None


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The call is over, and the transfer with it."""


Order: TypeAlias = (
    Consult | Detect | Converse | Tell | Speak | Join | PlayCue | HangUpTarget | Bridge | BringBack | GiveUp
)


class Handoff:
    """One warm transfer, from the moment when the target is dialled. phase: what it has come to."""

    def __init__(self, plan: Plan) -> None:
        self.phase = Phase.DIALLING
        self._plan = plan
        self._has_agent = True
        self._is_consulting = self._is_joined = False

    def __repr__(self) -> str:
        return f"Handoff({self.phase.value})"

    def feed(self, event: Event) -> Sequence[Order]:
        """Take what happened; return what is to be done now, in order.

        In all, one of Bridge, BringBack and GiveUp is returned, once."""
        if self.phase in ENDS:
            return ()
        if isinstance(event, AgentGone):
            self._has_agent = False
            return tuple(self._next()) if self._plan.speaker(self.phase) is Speaker.AGENT else ()
        match MOVES.get((self.phase, type(event))):
            case Move.NEXT:
                return tuple(self._next())
            case Move.CANCEL:
                return tuple(self._cancel(event))
            case Move.LET_GO:
                self.phase = Phase.OVER
                return (HangUpTarget(), GiveUp())
            case _:
                return ()

    def _cancel(self, event: Event) -> Iterator[Order]:
        self.phase = Phase.CANCELLED
        yield HangUpTarget()
        if isinstance(event, TargetFailed):
            yield BringBack(event.message, event.sip_status)
        elif isinstance(event, ConsultationFailed):
            yield BringBack(event.message)
        else:
            yield BringBack(WHY[type(event)])

    def _next(self) -> Iterator[Order]:
        phase = self.phase = self._plan.after(self.phase)
        if phase in (Phase.DETECTING, Phase.PRIVATE) and not self._is_consulting:
            self._is_consulting = True
            yield Consult()
        if phase in (Phase.PUBLIC, Phase.CUE) and not self._is_joined:
            self._is_joined = True
            yield Join()
        yield from self._begin(phase)

    def _begin(self, phase: Phase) -> Iterator[Order]:
        speaker = self._plan.speaker(phase)
        if speaker is None:
            orders: Mapping[Phase, Sequence[Order]] = {
                Phase.DETECTING: (Tell("answered", "target"), Detect()),
                Phase.CONSULTING: (Tell("answered", "nobody"), Converse()),
                Phase.CUE: (PlayCue(),),
                Phase.BRIDGED: (Bridge(self._is_joined),),
            }
            yield from orders[phase]
        elif speaker is Speaker.AGENT and not self._has_agent:
            yield from self._next()
        else:
            yield Tell("private_handoff", "target") if phase is Phase.PRIVATE else Tell("public_handoff", "both")
            yield Speak(phase, speaker)
