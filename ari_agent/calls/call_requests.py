"""What the API, the switchboard and the controller itself may post to a call, beside Asterisk's and the agent's events.

A request that has an `answer` gets it exactly once, at the latest when the call ends.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferOutcome, TransferRequest
from ari_agent.contract.call_update import LiveCallUpdate


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The API stops the call."""

    request: HangupRequest


@dataclass(frozen=True, slots=True)
class TransferRequested:
    """The API transfers the call; `answer` gets the outcome."""

    request: TransferRequest
    answer: asyncio.Future[TransferOutcome]


@dataclass(frozen=True, slots=True)
class DtmfRequested:
    """The API sends digits to the caller."""

    request: DtmfRequest
    answer: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class UpdateRequested:
    """The API changes the record, or asks something of the agent."""

    update: LiveCallUpdate
    answer: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class CallerGone:
    """The channel is not in Asterisk any more, and no event told so."""


@dataclass(frozen=True, slots=True)
class RingingTooLong:
    """Whoever we dialled has not answered in time."""


@dataclass(frozen=True, slots=True)
class ShuttingDown:
    """The controller stops."""
