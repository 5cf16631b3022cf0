"""What the API, the switchboard and the controller may post to a call, beside the events of Asterisk and of the agent.

A request that has an `answer` gets it exactly once, at the latest when the call ends.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TypeAlias

from ari_agent.asterisk.events import Channel
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferOutcome, TransferRequest
from ari_agent.contract.call_update import LiveCallUpdate


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The API asks to end the call."""

    request: HangupRequest


@dataclass(frozen=True, slots=True)
class TransferRequested:
    """The API asks to transfer the caller; `answer` gets the outcome."""

    request: TransferRequest
    answer: asyncio.Future[TransferOutcome]


@dataclass(frozen=True, slots=True)
class DtmfRequested:
    """The API asks to send DTMF digits to the caller."""

    request: DtmfRequest
    answer: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class UpdateRequested:
    """The API asks to change the record, or to tell the agent something."""

    update: LiveCallUpdate
    answer: asyncio.Future[None]


AnsweredRequest: TypeAlias = TransferRequested | DtmfRequested | UpdateRequested


@dataclass(frozen=True, slots=True)
class CallerGone:
    """The caller's channel or websocket is gone, and no event of Asterisk said so."""


@dataclass(frozen=True, slots=True)
class DestinationSilent:
    """A destination of a trunk has had its time to respond to the INVITE. attempt: which one it is, from 0."""

    attempt: int


@dataclass(frozen=True, slots=True)
class DialledChannelLost:
    """A channel that we dialled has gone, and no event has said why. attempt: at which destination, from 0."""

    attempt: int


@dataclass(frozen=True, slots=True)
class EventsMissed:
    """Asterisk's events could not reach us for a while, and the call is still there. channel: as it is now."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class RingingTooLong:
    """The number that was dialled has not answered in time."""


@dataclass(frozen=True, slots=True)
class ShuttingDown:
    """The controller is about to stop, and the call has to end."""
