"""A warm transfer as a table: whatever happens, it ends, nobody is left alone, and its outcome is told once."""

from __future__ import annotations

from typing import Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls.transfer import handoff
from ari_agent.calls.transfer.handoff import (
    ENDS,
    MOVES,
    AgentBridges,
    AgentCancels,
    AgentGone,
    Bridge,
    BringBack,
    CallerGone,
    Consult,
    ConsultationFailed,
    Converse,
    Detect,
    Event,
    GiveUp,
    Handoff,
    HangUpTarget,
    HumanHeard,
    Join,
    MachineHeard,
    MessageOver,
    NobodyHeard,
    Order,
    Phase,
    Plan,
    PlayCue,
    Speak,
    Speaker,
    Stopped,
    TargetAnswered,
    TargetFailed,
    TargetGone,
    Tell,
)

EVENTS: Final[tuple[Event, ...]] = (
    TargetAnswered(),
    TargetFailed("busy", 486),
    HumanHeard(),
    MachineHeard(),
    NobodyHeard(),
    ConsultationFailed("not decided in time"),
    MessageOver(),
    TargetGone(),
    CallerGone(),
    AgentGone(),
    AgentBridges(),
    AgentCancels(),
    Stopped(),
)
SPEAKERS: Final = st.sampled_from([None, *Speaker])
ONE_AGENT: Final = st.builds(Plan, detects=st.booleans(), private=SPEAKERS, public=SPEAKERS, cue=st.booleans())
TWO_AGENTS: Final = st.builds(
    Plan,
    detects=st.just(False),
    consults=st.just(True),
    public=st.sampled_from([None, Speaker.VOICE]),
    cue=st.booleans(),
)
PLANS: Final = ONE_AGENT | TWO_AGENTS
OVERDUE: Final[dict[Phase, Event]] = {
    Phase.DIALLING: TargetFailed("not answered", 480),
    Phase.DETECTING: NobodyHeard(),
    Phase.CONSULTING: ConsultationFailed("not decided in time"),
    Phase.PRIVATE: MessageOver(),
    Phase.PUBLIC: MessageOver(),
    Phase.CUE: MessageOver(),
}
"""What comes of each phase, at the latest, when its time is over."""


class Line:
    """Who is where, as the orders have it."""

    def __init__(self) -> None:
        self.with_caller = {"agent"}
        self.with_target: set[str] = set()
        self.has_music = True
        self.told: list[Order] = []

    def obey(self, order: Order, *, is_up: bool) -> None:
        match order:
            case Consult():
                assert is_up
                self.with_caller.remove("agent")
                self.with_target.add("agent")
            case Converse():
                assert is_up
                self.with_target.add("second agent")
            case Join():
                self.with_caller |= {"agent", "target", *self.with_target}
                self.with_target = set()
                self.has_music = False
            case HangUpTarget():
                self.with_caller.discard("target")
            case Tell(hears=hears):
                assert ("agent" in self.with_target) == (hears == "target")
                assert ({"agent", "target"} <= self.with_caller) == (hears == "both")
            case Bridge(is_joined):
                assert ("target" in self.with_caller) == is_joined
                self.with_caller = {"target"}
                self.with_target = set()
                self.has_music = False
                self.told.append(order)
            case BringBack():
                self.with_caller = {"agent"}
                self.with_target = set()
                self.has_music = False
                self.told.append(order)
            case GiveUp():
                self.told.append(order)
            case Detect() | PlayCue() | Speak():
                pass


@given(PLANS, st.lists(st.sampled_from(EVENTS), max_size=12))
def test_whatever_happens_nobody_is_left_alone_and_the_outcome_is_told_once(plan: Plan, events: list[Event]) -> None:
    transfer, line = Handoff(plan), Line()
    target_is_up = False

    def happens(event: Event) -> None:
        nonlocal target_is_up
        target_is_up = target_is_up or isinstance(event, TargetAnswered)
        for order in transfer.feed(event):
            line.obey(order, is_up=target_is_up)

    for event in events:
        happens(event)
    for _ in Phase:
        if transfer.phase not in ENDS:
            happens(OVERDUE[transfer.phase])
    assert transfer.phase in ENDS
    assert len(line.told) == 1
    expected = {
        Phase.BRIDGED: ({"target"}, Bridge),
        Phase.CANCELLED: ({"agent"}, BringBack),
        Phase.OVER: (line.with_caller, GiveUp),
    }
    with_caller, told = expected[transfer.phase]
    assert line.with_caller == with_caller
    assert isinstance(line.told[0], told)
    assert not line.has_music or transfer.phase is Phase.OVER
    for event in EVENTS:
        assert transfer.feed(event) == ()


@given(PLANS, st.lists(st.sampled_from(EVENTS), max_size=12))
def test_the_target_is_hung_up_wherever_it_is_not_bridged(plan: Plan, events: list[Event]) -> None:
    transfer = Handoff(plan)
    orders = [order for event in events for order in transfer.feed(event)]
    assert orders.count(HangUpTarget()) == (transfer.phase in (Phase.CANCELLED, Phase.OVER))


def test_all_goes_well() -> None:
    transfer = Handoff(Plan(private=Speaker.VOICE, public=Speaker.AGENT))
    assert transfer.feed(TargetAnswered()) == (Consult(), Tell("answered", "target"), Detect())
    assert transfer.feed(HumanHeard()) == (
        Tell("private_handoff", "target"),
        Speak(Phase.PRIVATE, Speaker.VOICE),
    )
    assert transfer.feed(MessageOver()) == (
        Join(),
        Tell("public_handoff", "both"),
        Speak(Phase.PUBLIC, Speaker.AGENT),
    )
    assert transfer.feed(MessageOver()) == (PlayCue(),)
    assert transfer.feed(MessageOver()) == (Bridge(is_joined=True),)
    assert repr(transfer) == "Handoff(bridged)"


@pytest.mark.parametrize(
    ("plan", "orders"),
    [
        (Plan(detects=False, cue=False), (Bridge(is_joined=False),)),
        (Plan(detects=False), (Join(), PlayCue())),
        (
            Plan(detects=False, private=Speaker.AGENT),
            (Consult(), Tell("private_handoff", "target"), Speak(Phase.PRIVATE, Speaker.AGENT)),
        ),
        (
            Plan(detects=False, public=Speaker.VOICE),
            (Join(), Tell("public_handoff", "both"), Speak(Phase.PUBLIC, Speaker.VOICE)),
        ),
    ],
)
def test_what_is_not_wanted_is_left_out(plan: Plan, orders: tuple[Order, ...]) -> None:
    assert Handoff(plan).feed(TargetAnswered()) == orders


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ([TargetFailed("busy", 486)], BringBack("busy", 486)),
        ([TargetAnswered(), MachineHeard()], BringBack("an answering machine took the call")),
        ([TargetAnswered(), NobodyHeard()], BringBack("no human was heard in time")),
        ([TargetAnswered(), HumanHeard(), TargetGone()], BringBack("the target hung up")),
        ([TargetAnswered(), HumanHeard(), AgentCancels()], BringBack("the agent cancelled the transfer")),
    ],
)
def test_a_failure_says_why(events: list[Event], outcome: BringBack) -> None:
    transfer = Handoff(Plan(private=Speaker.AGENT))
    *_, last = [orders for event in events if (orders := transfer.feed(event))]
    assert last[-1] == outcome


AGENTIC: Final = Plan(detects=False, consults=True)


def test_a_second_agent_decides() -> None:
    transfer = Handoff(AGENTIC)
    assert transfer.feed(AgentBridges()) == (), "the target still rings"
    assert transfer.feed(TargetAnswered()) == (Tell("answered", "nobody"), Converse())
    assert transfer.feed(MessageOver()) == transfer.feed(AgentGone()) == ()
    assert transfer.feed(AgentBridges()) == (Join(), PlayCue())
    assert transfer.feed(ConsultationFailed("it has left")) == (), "it has decided, and may leave"
    assert transfer.feed(MessageOver()) == (Bridge(is_joined=True),)


@pytest.mark.parametrize("before", [[], [TargetAnswered()]], ids=["the target rings", "the target is there"])
def test_a_second_agent_that_does_not_hand_over_brings_the_caller_back(before: list[Event]) -> None:
    transfer = Handoff(AGENTIC)
    for event in before:
        transfer.feed(event)
    assert transfer.feed(ConsultationFailed("it has left")) == (HangUpTarget(), BringBack("it has left"))


def test_what_an_agent_that_has_left_would_say_is_left_out() -> None:
    transfer = Handoff(Plan(detects=False, private=Speaker.AGENT, public=Speaker.AGENT))
    assert transfer.feed(AgentGone()) == ()
    assert transfer.feed(TargetAnswered()) == (Consult(), Join(), PlayCue())


def test_an_agent_that_leaves_while_it_speaks_is_not_waited_for() -> None:
    transfer = Handoff(Plan(detects=False, private=Speaker.AGENT, public=Speaker.VOICE))
    transfer.feed(TargetAnswered())
    orders = transfer.feed(AgentGone())
    assert orders == (Join(), Tell("public_handoff", "both"), Speak(Phase.PUBLIC, Speaker.VOICE))
    assert transfer.feed(AgentGone()) == ()


def test_bridge_is_too_early_while_the_target_rings() -> None:
    transfer = Handoff(Plan())
    assert transfer.feed(AgentBridges()) == ()
    assert transfer.phase is Phase.DIALLING


def test_every_phase_before_the_end_can_be_cancelled_and_stopped() -> None:
    for phase in set(Phase) - ENDS:
        for event in (TargetGone, AgentCancels, CallerGone, Stopped):
            assert (phase, event) in MOVES
    assert {kind for _, kind in MOVES} | {AgentGone} == set(get_args(Event))
    assert set(handoff.WHY) <= set(get_args(Event))
