"""Everything that may be posted to the queue of a call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from ari_agent.asterisk.events import AriEvent
from ari_agent.calls.call_requests import (
    AnsweredRequest,
    CallerGone,
    DestinationSilent,
    DialledChannelLost,
    EventsMissed,
    RingingTooLong,
    ShuttingDown,
    StopRequested,
)
from ari_agent.calls.media.call_media import MediaEvent
from ari_agent.calls.teardown import Teardown
from ari_agent.calls.transfer import handoff
from ari_agent.contract.media_quality import MediaQuality


@dataclass(frozen=True, slots=True)
class MaxDurationReached:
    """The call has lasted as long as its agent's max_call_duration_ms allows."""


@dataclass(frozen=True, slots=True)
class LastWordsHeard:
    """The caller has heard what the agent said before it asked for a transfer."""


@dataclass(frozen=True, slots=True)
class OutcomeOverdue:
    """The far end hung up during a transfer, and Asterisk has not told in time how the transfer ended."""


class TargetNews(Enum):
    """What is to be known of a transfer's target beside Asterisk's events."""

    RINGS_TOO_LONG = "rings too long"
    EXTENSION_SENT = "has its extension digits"
    ANSWERED = "has answered"
    """Seen in Asterisk's list of channels; the event may have been lost."""
    GONE = "is gone"


@dataclass(frozen=True, slots=True)
class TargetTold:
    """Something is known of the target of a transfer. channel_id: of the target. why: it is gone, where we know."""

    channel_id: str
    news: TargetNews
    why: str | None = None


@dataclass(frozen=True, slots=True)
class HandoffTold:
    """Something has happened in one phase of a warm transfer; in another it is no news. channel_id: of the target."""

    channel_id: str
    phase: handoff.Phase
    event: handoff.Event


@dataclass(frozen=True, slots=True)
class ConsultationBegins:
    """The target of an agentic warm transfer has answered, and its transfer agent is to talk with it."""

    target_channel_id: str


@dataclass(frozen=True, slots=True)
class ConsultationOver:
    """An agentic warm transfer is over, and needs its transfer agent no longer. failure: None where it succeeded."""

    failure: str | None


@dataclass(frozen=True, slots=True)
class MediaMeasured:
    """The quality of the call's audio was looked at, as every 10 s of a phone call. quality: since its answer."""

    quality: MediaQuality


@dataclass(frozen=True, slots=True)
class ListeningChanged:
    """Somebody listens in on the call from now on, or no longer. login: as who they are logged in."""

    login: str
    listens: bool


@dataclass(frozen=True, slots=True)
class CallTakenOver:
    """Another controller leads the call from now on, because this one stood still for too long."""


@dataclass(frozen=True, slots=True)
class TranscriptDue:
    """It is time to write what was said into the record."""


SessionEvent: TypeAlias = (
    AriEvent
    | MediaEvent
    | AnsweredRequest
    | StopRequested
    | CallerGone
    | EventsMissed
    | ShuttingDown
    | RingingTooLong
    | DestinationSilent
    | DialledChannelLost
    | MaxDurationReached
    | MediaMeasured
    | ListeningChanged
    | CallTakenOver
    | TranscriptDue
    | LastWordsHeard
    | OutcomeOverdue
    | TargetTold
    | HandoffTold
    | ConsultationBegins
    | ConsultationOver
    | Teardown
)
