"""The states of one call, the events that move it, and the only table of what may follow what. Pure.

    ARRIVED ──Routed──▶ CONNECTING ──Answered──▶ TALKING ──TransferBegun──▶ TRANSFERRING
       │                    │                     │ ▲ │                         │
       │                    │                     │ └─┼─────TransferFailed──────┤
       │                    │                     │ ▲ └──TargetDialled──▶ CONSULTING ──Bridged──▶ BRIDGED
       │                    │                     │ └────TransferFailed────────┤                     │
       │                    ├─Diverted─▶ DIVERTED │                            │                     │
       └────────────────────┴───────────────┴──Ended──────────────────────────┴─────────────────────┘
                                      ▼
                                    ENDED

A pair that is absent from the table is illegal: a late or repeated message is refused here, in one place,
and the call goes on as if it had not come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.errors import CallError


class CallState(Enum):
    """The states that a call goes through."""

    ARRIVED = "arrived"
    """The caller rings; headers are read, the number is looked up, the inbound webhook is asked."""
    CONNECTING = "connecting"
    """An agent is chosen; media is set up and the agent's websocket dialled. The caller still rings."""
    DIVERTED = "diverted"
    """No slot came free; the caller's channel is away in the dialplan, where the fallback number rings."""
    TALKING = "talking"
    """The call is answered, and audio flows between the caller and the agent."""
    TRANSFERRING = "transferring"
    """The caller's channel is away in the dialplan, where a REFER waits for its outcome."""
    CONSULTING = "consulting"
    """The caller waits with us, while the target of a transfer is dialled or spoken to."""
    BRIDGED = "bridged"
    """Caller and target talk with each other inside Asterisk; agent and media half are gone."""
    ENDED = "ended"


ANSWERED_STATES: Final = frozenset({CallState.TALKING, CallState.TRANSFERRING, CallState.CONSULTING, CallState.BRIDGED})
"""The states of a call that has been answered and is not over."""


@dataclass(frozen=True, slots=True)
class Routed:
    """An agent is chosen for the call."""


@dataclass(frozen=True, slots=True)
class Diverted:
    """The caller's channel is on its way to the fallback number."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The call is answered."""


@dataclass(frozen=True, slots=True)
class TransferBegun:
    """The caller's channel has left for the dialplan's detour, where a REFER is sent."""


@dataclass(frozen=True, slots=True)
class TargetDialled:
    """The target of a transfer is being dialled, while the caller waits with us."""


@dataclass(frozen=True, slots=True)
class Bridged:
    """Caller and target were left alone with each other."""


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """The transfer target did not take the caller, who is back."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over. reason: None for a caller who was turned away without a record."""

    reason: DisconnectionReason | None


CallEvent = Routed | Diverted | Answered | TransferBegun | TargetDialled | Bridged | TransferFailed | Ended

TRANSITIONS: Final[Mapping[tuple[CallState, type[CallEvent]], CallState]] = {
    (CallState.ARRIVED, Routed): CallState.CONNECTING,
    (CallState.CONNECTING, Diverted): CallState.DIVERTED,
    (CallState.CONNECTING, Answered): CallState.TALKING,
    (CallState.TALKING, TransferBegun): CallState.TRANSFERRING,
    (CallState.TRANSFERRING, TransferFailed): CallState.TALKING,
    (CallState.TALKING, TargetDialled): CallState.CONSULTING,
    (CallState.CONSULTING, TransferFailed): CallState.TALKING,
    (CallState.CONSULTING, Bridged): CallState.BRIDGED,
    (CallState.ARRIVED, Ended): CallState.ENDED,
    (CallState.CONNECTING, Ended): CallState.ENDED,
    (CallState.DIVERTED, Ended): CallState.ENDED,
    (CallState.TALKING, Ended): CallState.ENDED,
    (CallState.TRANSFERRING, Ended): CallState.ENDED,
    (CallState.CONSULTING, Ended): CallState.ENDED,
    (CallState.BRIDGED, Ended): CallState.ENDED,
}


class IllegalTransition(CallError):
    """Raised when an event cannot happen in the state that the call is in."""

    def __init__(self, state: CallState, event: CallEvent) -> None:
        super().__init__(f"{type(event).__name__} cannot follow in state {state.value}")
        self.state, self.event = state, event


def advance(state: CallState, event: CallEvent) -> CallState:
    """Return the state that follows upon `event`.

    Raises:
        IllegalTransition: the table has no such pair.
    """
    try:
        return TRANSITIONS[state, type(event)]
    except KeyError:
        raise IllegalTransition(state, event) from None
