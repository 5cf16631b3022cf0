"""What a call commands its media half to do once it runs: frozen values, each of which can be pickled. Pure.

    call ── Command ──▶ media half (MediaHalf.command) ── the same ──▶ agent's side (AgentLeg.command)

The media half itself obeys CallerAway, CallerBack and TargetListens; the rest is for the agent. A command is obeyed in
the event loop's thread, at once and without an answer; what comes of it is told by a MediaEvent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ari_agent.contract.call import Call
from ari_agent.contract.call_control import TransferOutcome, VoicemailNotice
from ari_agent.contract.call_update import CallControl
from ari_agent.contract.transfer_progress import TransferProgress


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The caller pressed a key; the agent is told unless its settings say otherwise.

    digit: one of `0-9 A-D * #`. duration_ms: how long the key was held, 0 where that is not known.
    """

    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class CallerAway:
    """The caller is on hold or away in a transfer: the agent hears silence, and silence is not counted."""


@dataclass(frozen=True, slots=True)
class CallerBack:
    """The caller listens again; the count of silence begins anew."""


@dataclass(frozen=True, slots=True)
class TargetListens:
    """The target of a transfer hears an audio agent and is heard by it. with_caller: and the caller too."""

    with_caller: bool = False


@dataclass(frozen=True, slots=True)
class ApiControl:
    """The API gives the agent context, or wants it to speak now."""

    control: CallControl


@dataclass(frozen=True, slots=True)
class TransferResult:
    """The transfer that the agent asked for has ended."""

    outcome: TransferOutcome


@dataclass(frozen=True, slots=True)
class TransferGoesOn:
    """A transfer has come to its next step; an audio agent is told, and speaks if there is a prompt."""

    progress: TransferProgress


@dataclass(frozen=True, slots=True)
class Voicemail:
    """An answering machine has taken the call, or its greeting is over."""

    notice: VoicemailNotice


@dataclass(frozen=True, slots=True)
class ControlFailed:
    """A request of the agent cannot be carried out. message: tells people the reason."""

    event: Literal["transfer", "dtmf", "hangup", "update"]
    message: str


@dataclass(frozen=True, slots=True)
class CallDetails:
    """The call object has changed; the agent gets this one when it asks for the details of its call."""

    call: Call


Command: TypeAlias = (
    KeyPressed
    | CallerAway
    | CallerBack
    | TargetListens
    | ApiControl
    | TransferResult
    | TransferGoesOn
    | Voicemail
    | ControlFailed
    | CallDetails
)
