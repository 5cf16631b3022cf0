"""What a conversation by voice wants done: values, from the dialogue that decides to the leg that does it. Pure.

Ask         send response_required or reminder_required with the transcript
Told        the transcript or the turn has changed: send update_only
Speak       have this sentence synthesized, after those before it
Silence     drop all that was not heard yet
Hold, GoOn  be silent for a moment, in case that this is an interruption; then go on from there
HangUp, Transfer, Press     what the agent wants done, once all of what it said with it was heard
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ari_agent.agents.llm import Turntaking


@dataclass(frozen=True, slots=True)
class Ask:
    """response_required, or reminder_required. The transcript goes with it."""

    response_id: int
    reminds: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """update_only. is_partial: the user is still speaking, so that the next one may follow at once."""

    turntaking: Turntaking | None = None
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class Speak:
    """number: of the sentence."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing that was ordered before is to be heard from now on."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing is to be heard until GoOn or Silence follows."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """From where the caller was: so much of this sentence was heard, and nothing of those after it."""

    number: int
    heard_ms: float


@dataclass(frozen=True, slots=True)
class HangUp:
    """The agent is done."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """As the agent wrote it; `transfer_result` answers."""

    number: str


@dataclass(frozen=True, slots=True)
class Press:
    """As the agent wrote it; `press_failed` answers."""

    digits: str


Order: TypeAlias = Ask | Told | Speak | Silence | Hold | GoOn | HangUp | Transfer | Press
