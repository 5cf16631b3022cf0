"""What the conversation with a text agent wants done: values, from the dialogue that decides to the leg. Pure.

Ask            to the agent's server: response_required or reminder_required, with the transcript
SendUpdate     to the agent's server, the screen and the record: the transcript has changed (update_only)
Speak          to the synthesizer: make the sound of this sentence, after those before it
PlaySound      to the caller: this sound
PauseSpeech    to the caller: silence for a moment, in case that this is a barge-in; ResumeSpeech or ClearSpeech follows
ResumeSpeech   to the caller: go on from there
ClearSpeech    to the caller and the synthesizer: drop all that was not heard yet (barge-in)
HangUp, Transfer, Press      to the call: what the agent wants done, once all that it said with it was heard
Fail           to the call: the agent is of no use any more
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from ari_agent.agents.llm import Turntaking
from ari_agent.contract.call_control import TransferRequest
from ari_agent.contract.disconnection import DisconnectionReason


@dataclass(frozen=True, slots=True)
class Ask:
    """Send response_required to the agent's server, or reminder_required if `reminds`, with the transcript."""

    response_id: int
    reminds: bool = False


@dataclass(frozen=True, slots=True)
class SendUpdate:
    """Send update_only with the transcript as it is now. turntaking: whose turn it has become, if that has changed."""

    turntaking: Turntaking | None = None


@dataclass(frozen=True, slots=True)
class Speak:
    """Synthesize a sentence. number: of all sentences of the call, from 1; they are heard in this order.

    pause_ms: the sentence is so much silence, and has no text.
    """

    number: int
    text: str
    pause_ms: int = 0


@dataclass(frozen=True, slots=True)
class PlaySound:
    """Hand a piece of a sentence to the caller, and tell with SoundPlayed when it was heard.

    end_ms: where the piece ends in its sentence. is_paused: keep it until ResumeSpeech.
    """

    number: int
    end_ms: float
    pcm: bytes = field(repr=False)
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class ClearSpeech:
    """Drop all speech that was ordered before, so that the caller hears nothing more of it."""


@dataclass(frozen=True, slots=True)
class PauseSpeech:
    """Let the caller hear nothing until ResumeSpeech or ClearSpeech follows."""


@dataclass(frozen=True, slots=True)
class ResumeSpeech:
    """Play again, from where the caller was: heard_ms of this sentence were heard, and nothing of those after it.

    number: 0 where nothing was being heard, and there is nothing to play again.
    """

    number: int
    heard_ms: float


@dataclass(frozen=True, slots=True)
class HangUp:
    """Hang up on the caller, because the agent ends the call."""


@dataclass(frozen=True, slots=True)
class Fail:
    """End the call, because it cannot go on. message: for logs; holds no secrets."""

    reason: DisconnectionReason
    message: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Transfer the caller; TransferEnded tells the outcome. number: as the agent wrote it, unchecked.

    shows_caller: the target is to see the caller's number, which takes a call of ours instead of a REFER. request: what
    is asked for, where that is checked already.
    """

    number: str
    shows_caller: bool = False
    request: TransferRequest | None = None


@dataclass(frozen=True, slots=True)
class Press:
    """Send DTMF to the caller; DigitsRefused tells of a failure. digits: as the agent wrote them, unchecked."""

    digits: str


Order: TypeAlias = (
    Ask | SendUpdate | Speak | PlaySound | ClearSpeech | PauseSpeech | ResumeSpeech | HangUp | Fail | Transfer | Press
)
