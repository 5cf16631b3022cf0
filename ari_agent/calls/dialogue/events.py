"""What happens in a conversation with a text agent: every event that SpokenDialogue is fed. Pure.

the caller      CallerJoined, CallerLeft, CallerReturned, UserVoiceStarted, UserVoiceStopped, UserHeard, KeyPressed,
                GreetingBegan, RecordingBegan
the agent       AgentSaid, AgentUsedTool, AgentConfigured, AgentReconnected, AgentClosed
its voice       SoundMade, SoundEnded, SoundPlayed, VoiceFailed
the call        ApiControlled, TransferEnded, DigitsRefused, Failed, CallEnded
the clock       TimePassed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ari_agent.agents.llm import LlmAgentConfig, LlmInterrupt, LlmResponse, LlmToolInvocation, LlmToolResult
from ari_agent.contract.call_control import TransferOutcome, VoicemailNotice
from ari_agent.contract.call_update import CallControl
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.transcript import NodeTransition, Word
from ari_agent.speech.recognizer import Heard
from ari_agent.speech.synthesizer import SpokenWord


@dataclass(frozen=True, slots=True)
class CallerJoined:
    """The caller is connected and can hear the agent. All times count from here on.

    hears_agent_in_ms: for how long the caller hears something else first, behind which the agent's sound waits.
    """

    hears_agent_in_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class CallerLeft:
    """The caller does not listen any more, being on hold or away in a transfer."""


@dataclass(frozen=True, slots=True)
class CallerReturned:
    """The caller listens again, after a hold or a transfer that failed."""


@dataclass(frozen=True, slots=True)
class UserVoiceStarted:
    """The user's voice has begun. since_ms: when it began, somewhat before voice activity could report it."""

    since_ms: float


@dataclass(frozen=True, slots=True)
class UserVoiceStopped:
    """The user's voice has ended. since_ms: when it ended, a pause before voice activity could report it."""

    since_ms: float


@dataclass(frozen=True, slots=True)
class UserHeard:
    """The recognizer's text of what the user is saying or has said. words: of it, in seconds since the call began."""

    heard: Heard
    words: Sequence[Word] = ()


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The user pressed a key: one of 0-9, *, #, A-D."""

    digit: str


@dataclass(frozen=True, slots=True)
class GreetingBegan:
    """An answering machine has taken the call, and plays its greeting."""


@dataclass(frozen=True, slots=True)
class RecordingBegan:
    """The answering machine has begun to record. notice: which message is to be left."""

    notice: VoicemailNotice


@dataclass(frozen=True, slots=True)
class AgentSaid:
    """The agent's server sent a piece of an answer, or of an interruption of its own."""

    message: LlmResponse | LlmInterrupt


@dataclass(frozen=True, slots=True)
class AgentUsedTool:
    """The agent tells, for the record, that it used a tool of its own, what that answered, or its flow's new node."""

    item: LlmToolInvocation | LlmToolResult | NodeTransition


@dataclass(frozen=True, slots=True)
class AgentConfigured:
    """The agent's server changed how the agent listens (`update_agent`)."""

    config: LlmAgentConfig


@dataclass(frozen=True, slots=True)
class AgentReconnected:
    """The connection to the agent's server was lost and is back; what it still had to say is gone."""


@dataclass(frozen=True, slots=True)
class AgentClosed:
    """The agent's server closed normally: what it said before is still spoken, and then the call ends."""


@dataclass(frozen=True, slots=True)
class SoundMade:
    """A piece of a sentence's sound was synthesized. Fed only while `may_speak`. pcm: s16le at 16 kHz."""

    number: int
    pcm: bytes = field(repr=False)
    words: Sequence[SpokenWord] = ()


@dataclass(frozen=True, slots=True)
class SoundEnded:
    """The sound of this sentence is complete, or there is none at all."""

    number: int


@dataclass(frozen=True, slots=True)
class SoundPlayed:
    """The caller has heard heard_ms of this sentence, and everything before it."""

    number: int
    heard_ms: float


@dataclass(frozen=True, slots=True)
class VoiceFailed:
    """No more sentences can be spoken; what has sound already is still heard."""

    reason: DisconnectionReason
    message: str


@dataclass(frozen=True, slots=True)
class ApiControlled:
    """The API adds context, wants the agent to speak now, or both."""

    control: CallControl


@dataclass(frozen=True, slots=True)
class TransferEnded:
    """The transfer that was ordered by Transfer has succeeded or failed."""

    outcome: TransferOutcome


@dataclass(frozen=True, slots=True)
class DigitsRefused:
    """The digits that were ordered by Press were not sent. message: tells the agent why."""

    message: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The agent's server is lost, or nobody understands the user any more: the call ends now."""

    reason: DisconnectionReason
    message: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is over, for whatever reason, and the caller hears nothing more."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The time of `next_tick_ms` has come; an event that comes early does no harm.

    voice_until_ms: where the last of the user's voice so far ended; None: the voice lasts until UserVoiceStopped.
    """

    voice_until_ms: float | None = None


Event: TypeAlias = (
    CallerJoined
    | CallerLeft
    | CallerReturned
    | UserVoiceStarted
    | UserVoiceStopped
    | UserHeard
    | KeyPressed
    | GreetingBegan
    | RecordingBegan
    | AgentSaid
    | AgentUsedTool
    | AgentConfigured
    | AgentReconnected
    | AgentClosed
    | SoundMade
    | SoundEnded
    | SoundPlayed
    | VoiceFailed
    | ApiControlled
    | TransferEnded
    | DigitsRefused
    | Failed
    | CallEnded
    | TimePassed
)
