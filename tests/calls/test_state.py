from __future__ import annotations

import itertools

import pytest

from ari_agent.calls.state import (
    TRANSITIONS,
    Answered,
    Bridged,
    CallEvent,
    CallState,
    Diverted,
    Ended,
    IllegalTransition,
    Routed,
    TargetDialled,
    TransferBegun,
    TransferFailed,
    advance,
)
from ari_agent.contract.disconnection import DisconnectionReason

EVENTS: list[CallEvent] = [
    Routed(),
    Diverted(),
    Answered(),
    TransferBegun(),
    TransferFailed(),
    TargetDialled(),
    Bridged(),
    Ended(DisconnectionReason.USER_HANGUP),
]


def test_a_call_goes_from_ring_to_end() -> None:
    state = CallState.ARRIVED
    for event in (Routed(), Answered(), TransferBegun(), TransferFailed(), Ended(DisconnectionReason.AGENT_HANGUP)):
        state = advance(state, event)
    assert state is CallState.ENDED


def test_a_failed_refer_returns_the_caller_to_the_agent() -> None:
    assert advance(CallState.TRANSFERRING, TransferFailed()) is CallState.TALKING


def test_a_target_that_is_reached_takes_the_caller_over_for_good() -> None:
    bridged = advance(advance(CallState.TALKING, TargetDialled()), Bridged())
    for event in (TransferBegun(), TransferFailed(), TargetDialled()):
        with pytest.raises(IllegalTransition, match="bridged"):
            advance(bridged, event)


def test_a_target_that_is_not_reached_returns_the_caller_to_the_agent() -> None:
    assert advance(CallState.CONSULTING, TransferFailed()) is CallState.TALKING


def test_a_diverted_caller_never_reaches_the_agent() -> None:
    diverted = advance(CallState.CONNECTING, Diverted())
    for event in (Routed(), Answered(), TransferBegun(), TransferFailed()):
        with pytest.raises(IllegalTransition, match="diverted"):
            advance(diverted, event)


@pytest.mark.parametrize("event", EVENTS)
def test_nothing_follows_the_end(event: CallEvent) -> None:
    with pytest.raises(IllegalTransition, match="ended"):
        advance(CallState.ENDED, event)


def test_every_pair_is_either_in_the_table_or_refused() -> None:
    for state, event in itertools.product(CallState, EVENTS):
        if (state, type(event)) in TRANSITIONS:
            assert advance(state, event) is TRANSITIONS[state, type(event)]
        else:
            with pytest.raises(IllegalTransition):
                advance(state, event)


def test_a_call_can_end_in_every_living_state() -> None:
    for state in CallState:
        if state is not CallState.ENDED:
            assert advance(state, Ended(DisconnectionReason.USER_HANGUP)) is CallState.ENDED
