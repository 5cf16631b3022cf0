"""Everything that may be posted to the queue of a call."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class MaxDurationReached:
    """The call has lasted as long as its agent's max_call_duration_ms allows."""


@dataclass(frozen=True, slots=True)
class LastWordsHeard:
    """The caller has heard what the agent said before it asked for a transfer."""


@dataclass(frozen=True, slots=True)
class OutcomeOverdue:
    """The far end hung up during a transfer, and Asterisk has not told in time how the transfer ended."""


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
    | TranscriptDue
    | LastWordsHeard
    | OutcomeOverdue
    | Teardown
)
