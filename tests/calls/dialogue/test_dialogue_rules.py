"""What must be so in every conversation, whatever happens in it: random events at random times.

The rules themselves are checked after every event by the rehearsal (rehearsal.py), and here at the end.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ari_agent.agents.llm import LlmAgentConfig, LlmToolInvocation
from ari_agent.calls.dialogue import events
from ari_agent.calls.dialogue.agent_settings import DialogueSettings
from ari_agent.calls.dialogue.orders import Ask, Fail, HangUp, SendUpdate
from ari_agent.calls.dialogue.phases import AgentPhase, Stage
from ari_agent.contract.agent_options import UserDtmfOptions
from ari_agent.contract.call_control import TransferOutcome, VoicemailNotice
from ari_agent.contract.call_update import CallControl
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.speech.turn_settings import TurnSettings
from tests.calls.dialogue.rehearsal import Rehearsal

WORDS = st.sampled_from(["", "yes.", "wait", "uh huh", "my number is", "I want to fly to Rome."])
CONTENT = st.sampled_from(["", "Yes.", "One two three. Four five", " six. ", "A rather long sentence, for all I know."])
ACTIONS = st.sampled_from([{}, {"end_call": True}, {"transfer_number": "1"}, {"digit_to_press": "1"}])
SETTINGS = st.builds(
    DialogueSettings,
    turns=st.builds(
        TurnSettings,
        responsiveness=st.sampled_from([0, 1]),
        interruption_sensitivity=st.sampled_from([0, 0.3, 0.6, 0.9, 1]),
        reminder_trigger_ms=st.sampled_from([1000, 5000]),
        reminder_max_count=st.integers(0, 2),
        begin_message_delay_ms=st.sampled_from([0, 1500]),
    ),
    dtmf=st.sampled_from([None, UserDtmfOptions(digit_limit=2), UserDtmfOptions(termination_key="#")]),
    allow_dtmf_interruption=st.booleans(),
)


def _step(name: str, *values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(st.just(name), *values)


LONG = "I will now tell you a very long story about a telephone. It rang and rang, and nobody came, not even a cat."
COMMON = st.one_of(
    _step("story", st.integers(1, 3000), st.booleans()),
    _step("wait", st.integers(1, 3000)),
    _step("wait", st.integers(1, 300)),
    _step("talks over", st.integers(1, 1500), WORDS),
    _step("voice starts"),
    _step("voice stops"),
    _step("voice", st.integers(50, 2000), WORDS),
    _step("understood", WORDS, st.booleans(), st.booleans()),
    _step("answers", CONTENT, st.booleans(), st.booleans(), ACTIONS),
    _step("cuts in", CONTENT, st.integers(1, 2), st.booleans()),
)
RARE = st.one_of(
    _step("late answer", CONTENT),
    _step("key", st.sampled_from("12#")),
    _step("leaves"),
    _step("returns"),
    _step("api", st.booleans(), st.booleans()),
    _step("transfer ended", st.booleans()),
    _step("digits refused"),
    _step("configured", st.sampled_from([0, 0.6, 1])),
    _step("tool"),
    _step("reconnected"),
)
ENDING = st.one_of(
    _step("greeting"),
    _step("recording", st.sampled_from(["static_text", "prompt"]), st.sampled_from(["Call back.", ""])),
    _step("message", st.integers(1, 1000)),
    _step("closed"),
    _step("mute"),
    _step("failed"),
    _step("ended"),
)
STEPS = st.lists(st.one_of(COMMON, COMMON, RARE), max_size=30)
LAST_STEPS = st.lists(st.one_of(COMMON, RARE, ENDING, ENDING), max_size=8)
OPENINGS = st.sampled_from([None, "", "Hello.", LONG])


def happen(call: Rehearsal, step: tuple[Any, ...]) -> None:
    """One step of a conversation."""
    match step:
        case ("wait", duration_ms):
            call.wait(duration_ms)
        case ("voice starts",):
            call.voice_starts()
        case ("voice stops",):
            call.voice_stops()
        case ("voice", duration_ms, text):
            call.voice_starts().wait(duration_ms).voice_stops().wait(100).understood(text, final=True)
        case ("understood", text, final, sure):
            call.understood(text, final=final, end_of_turn=sure and final)
        case ("story", duration_ms, complete):
            call.answers(LONG, complete=complete).wait(duration_ms)
        case ("talks over", duration_ms, text):
            call.answers(LONG).wait(600).voice_starts().wait(200).understood(text, final=False)
            call.wait(duration_ms).voice_stops().wait(100).understood(text, final=True)
        case ("answers", content, complete, protected, action):
            call.answers(content, complete=complete, no_interruption_allowed=protected, **action)
        case ("late answer", content):
            call.answers(content, late=1)
        case ("cuts in", content, number, complete):
            call.cuts_in(content, number, complete=complete)
        case ("key", digit):
            call.feed(events.KeyPressed(digit))
        case ("leaves",):
            call.feed(events.CallerLeft())
        case ("returns",):
            call.feed(events.CallerReturned())
        case ("api", adds, triggers):
            control = CallControl(trigger_response=triggers, additional_context="It rains." if adds else None)
            call.feed(events.ApiControlled(control))
        case ("transfer ended", worked):
            outcome = TransferOutcome(status="succeeded" if worked else "failed")
            call.feed(events.TransferEnded(outcome))
        case ("digits refused",):
            call.feed(events.DigitsRefused("no digits"))
        case ("configured", sensitivity):
            call.feed(events.AgentConfigured(LlmAgentConfig(interruption_sensitivity=sensitivity)))
        case ("tool",):
            tool = LlmToolInvocation(tool_call_id="t", name="look_up", arguments="{}")
            call.feed(events.AgentUsedTool(tool))
        case ("reconnected",):
            call.feed(events.AgentReconnected())
        case ("greeting",):
            call.feed(events.GreetingBegan())
        case ("recording", action, text):
            call.feed(events.RecordingBegan(VoicemailNotice(status="recording", action=action, text=text)))
        case ("message", duration_ms):
            notice = VoicemailNotice(status="recording", action="static_text", text=LONG)
            call.feed(events.RecordingBegan(notice)).wait(duration_ms)
        case ("closed",):
            call.feed(events.AgentClosed())
        case ("mute",):
            call.feed(events.VoiceFailed(DisconnectionReason.ERROR_RETELL, "nobody speaks"))
        case ("failed",):
            call.feed(events.Failed(DisconnectionReason.ERROR_ASR, "nobody listens"))
        case ("ended",):
            call.feed(events.CallEnded())


def rehearsed(
    how: DialogueSettings, opening: str | None, steps: list[tuple[Any, ...]], *, plays: bool, starts_after: int
) -> Rehearsal:
    """A call in which these steps have happened, the caller having joined somewhere among the first."""
    call = Rehearsal(how, plays=plays)
    if opening is not None:
        call.answers(opening)
    for number, step in enumerate(steps):
        if number == starts_after:
            call.feed(events.CallerJoined())
        happen(call, step)
    return call


def check_nobody_is_stranded(call: Rehearsal) -> None:
    """It is quiet, and has been for long: somebody is waited for who can go on, or the call has ended."""
    dialogue = call.dialogue
    assert not dialogue.turns.user_has_floor or dialogue.is_over
    match dialogue.stage, dialogue.speech.phase:
        case (Stage.OVER, _):
            assert call.has_closed or call.of(HangUp) or call.of(Fail)
        case (Stage.CONVERSATION, AgentPhase.SILENT):
            pass  # the caller is to speak
        case (Stage.GREETING, AgentPhase.SILENT):
            pass  # the machine is
        case (Stage.CONVERSATION | Stage.RECORDING, AgentPhase.ASKING | AgentPhase.PREPARING | AgentPhase.SPEAKING):
            assert dialogue.requests.is_open  # the agent is
            assert dialogue.speech.playback.is_empty
        case where:
            raise AssertionError(f"stranded in {where}")
    assert "waiting" not in call.fates.values()


@settings(max_examples=400, deadline=None)
@given(SETTINGS, OPENINGS, STEPS, LAST_STEPS, st.booleans(), st.integers(0, 4))
def test_a_conversation_keeps_its_rules_and_strands_nobody(
    how: DialogueSettings,
    opening: str | None,
    steps: list[tuple[Any, ...]],
    last_steps: list[tuple[Any, ...]],
    plays: bool,
    starts_after: int,
) -> None:
    call = rehearsed(how, opening, steps + last_steps, plays=plays, starts_after=starts_after)
    call.falls_quiet()
    check_nobody_is_stranded(call)
    asked = [order.response_id for order in call.of(Ask)]
    assert asked == sorted(set(asked))


@settings(max_examples=200, deadline=None)
@given(SETTINGS, OPENINGS, STEPS, st.booleans(), st.integers(0, 4))
def test_after_whatever_happened_the_caller_is_answered(
    how: DialogueSettings, opening: str | None, steps: list[tuple[Any, ...]], plays: bool, starts_after: int
) -> None:
    call = rehearsed(how, opening, steps, plays=plays, starts_after=starts_after).falls_quiet()
    if call.dialogue.speech.turn is not None:  # it has not written all yet
        message = "Well."
        if call.dialogue.requests.open_id is None:
            call.feed(events.AgentReconnected())  # of an interruption nothing more comes
        else:
            call.answers(message)
        call.wait(20_000)
    if call.dialogue.stage is not Stage.CONVERSATION:
        return
    before = len(call.of(Ask))
    call.voice_starts().wait(800).voice_stops().wait(100).understood("Where are we now?", final=True).wait(8000)
    assert len(call.of(Ask)) == before + 1
    call.answers("Here we are.").wait(20_000)
    assert call.said()[-1] == "agent: Here we are."
    assert call.dialogue.speech.phase in (AgentPhase.SILENT, AgentPhase.ASKING)


@settings(max_examples=100, deadline=None)
@given(SETTINGS, OPENINGS, STEPS, st.booleans())
def test_what_is_kept_was_spoken_in_that_order_and_nothing_changes_after_the_end(
    how: DialogueSettings, opening: str | None, steps: list[tuple[Any, ...]], plays: bool
) -> None:
    call = rehearsed(how, opening, steps, plays=plays, starts_after=0)
    call.feed(events.CallEnded())
    spoken = " ".join(order.text for order in call.orders if hasattr(order, "text")).split()
    heard = [word for line in call.said() if line.startswith("agent") for word in line.split()[1:]]
    rest = iter(spoken)
    assert all(word in rest for word in heard)
    assert call.dialogue.next_tick_ms is None
    before, orders = call.said(), len(call.orders)
    call.voice_starts().voice_stops().understood("too late", final=True).answers("Late.").wait(1000)
    assert call.said() == before
    assert not [order for order in call.orders[orders:] if not isinstance(order, SendUpdate)]
