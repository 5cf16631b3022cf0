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
from ari_agent.contract.transcript import Word
from ari_agent.speech.recognizer import Heard
from ari_agent.speech.synthesizer import SpokenWord


@dataclass(frozen=True, slots=True)
class CallerJoined:
    """The caller is there and hears us. Time counts from here on."""


@dataclass(frozen=True, slots=True)
class CallerLeft:
    """The caller is on hold, or away in a transfer."""


@dataclass(frozen=True, slots=True)
class CallerReturned:
    """The caller is back from hold or from a transfer that failed."""


@dataclass(frozen=True, slots=True)
class UserVoiceStarted:
    """Voice activity has begun. since_ms: where the voice began, somewhat before that was known."""

    since_ms: float


@dataclass(frozen=True, slots=True)
class UserVoiceStopped:
    """Voice activity has ended. since_ms: where the voice ended, a pause before that was known."""

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
    """The answering machine records. notice: which message is to be left."""

    notice: VoicemailNotice


@dataclass(frozen=True, slots=True)
class AgentSaid:
    """The agent's server sent a piece of an answer, or of an interruption of its own."""

    message: LlmResponse | LlmInterrupt


@dataclass(frozen=True, slots=True)
class AgentUsedTool:
    """The agent's server used a tool of its own, or that tool has answered; for the record."""

    item: LlmToolInvocation | LlmToolResult


@dataclass(frozen=True, slots=True)
class AgentConfigured:
    """The agent's server changed how the agent listens (`update_agent`)."""

    config: LlmAgentConfig


@dataclass(frozen=True, slots=True)
class AgentReconnected:
    """The agent's server was lost and is there again; what it still had to say is gone."""


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
    """No more sound of this sentence comes, or none came at all."""

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
    """A Transfer has succeeded or failed."""

    outcome: TransferOutcome


@dataclass(frozen=True, slots=True)
class DigitsRefused:
    """The digits of a Press were not sent. message: why, for the agent."""

    message: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The agent's server is lost, or nobody understands the user any more: the call ends now."""

    reason: DisconnectionReason
    message: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is over, for whatever reason: what was heard so far is all."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """`next_tick_ms` is due; one that comes early does no harm.

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
