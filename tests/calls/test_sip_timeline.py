"""What Asterisk's events say of a call's signalling, and who hung up."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ari_agent.asterisk.causes import status_of_refusal
from ari_agent.asterisk.events import (
    AriEvent,
    Channel,
    ChannelDestroyed,
    ChannelDialplan,
    ChannelHangupRequest,
    ChannelHold,
    ChannelStateChange,
    ChannelTransfer,
    ChannelUnhold,
    ChannelVarset,
    Dial,
    DialplanPosition,
    StasisStart,
)
from ari_agent.calls.sip_timeline import MAX_EVENTS, SipTimeline, hangup_for
from ari_agent.calls.teardown import Teardown
from ari_agent.contract.disconnection import DisconnectionReason as Reason
from ari_agent.contract.sip_timeline import SipEvent

Entry = tuple[str, str | None, int | None, int | None]
INVITED: Entry = ("INVITE", "received", None, None)
DIALLED: Entry = ("INVITE", "sent", None, None)
OK_SENT: Entry = ("200", "sent", None, None)


def channel(state: str = "Up", app: str = "") -> Channel:
    return Channel(id="c", name="PJSIP/t-1", state=state, dialplan=DialplanPosition(app_name=app))


START, UP = StasisStart(channel=channel("Ring")), ChannelStateChange(channel=channel("Up"))
RINGING = ChannelStateChange(channel=channel("Ringing"))
HOLD, UNHOLD = ChannelHold(channel=channel()), ChannelUnhold(channel=channel())
TRANSFER = ChannelDialplan(channel=channel(app="Transfer"))


def refer(state: str | None = None) -> ChannelTransfer:
    """A REFER of the far end, or Asterisk's echo of what we answered."""
    return ChannelTransfer.model_validate(
        {
            "refer_to": {"requested_destination": {"destination": "101"}},
            "referred_by": {"source_channel": channel().model_dump()},
            "state": state,
        }
    )


def dial(status: str = "") -> Dial:
    return Dial(peer=channel("Down"), dialstatus=status)


def hangup(cause: int | None = None, tech_cause: int | None = None, *, soft: bool = False) -> ChannelHangupRequest:
    return ChannelHangupRequest(channel=channel(), cause=cause, tech_cause=tech_cause, soft=soft)


def referred(status: str, protocol: str) -> tuple[AriEvent, AriEvent]:
    set_first = ChannelVarset(channel=channel(), variable="TRANSFERSTATUS", value=status)
    return set_first, ChannelVarset(channel=channel(), variable="TRANSFERSTATUSPROTOCOL", value=protocol)


def told(*events: AriEvent, placed: bool = False) -> SipTimeline:
    timeline = SipTimeline(placed=placed)
    for now_ms, event in enumerate(events):
        timeline.feed(event, now_ms)
    return timeline


def entries(events: Sequence[SipEvent]) -> list[Entry]:
    return [(entry.event, entry.direction, entry.sip_status, entry.q850_cause) for entry in events]


@pytest.mark.parametrize(
    ("events", "placed", "last"),
    [
        pytest.param((START, UP, hangup()), False, ("BYE", "received", None, None), id="a plain BYE"),
        pytest.param((START, UP, hangup(31, 480)), False, ("BYE", "received", None, 31), id="a BYE with a Reason"),
        pytest.param((START, hangup(127, 487)), False, ("CANCEL", "received", None, None), id="a plain CANCEL"),
        pytest.param((START, hangup(16, 487)), False, ("CANCEL", "received", None, 16), id="CANCEL with a Reason"),
        pytest.param((START, UP, hangup(18, 408)), False, ("failure", "received", 408, 18), id="dead far end"),
        pytest.param((START, UP, hangup(44, soft=True)), False, ("BYE", "sent", None, 44), id="Asterisk ends it"),
        pytest.param((START, hangup(4, soft=True)), False, ("failure", "sent", None, 4), id="Asterisk refuses it"),
        pytest.param((dial(), hangup(17, 486)), True, ("failure", "received", 486, 17), id="busy"),
        pytest.param((dial(), UP, hangup()), True, ("BYE", "received", None, None), id="BYE of whom we called"),
        pytest.param((dial(), hangup(32, soft=True)), True, ("CANCEL", "sent", None, 32), id="Asterisk gives up"),
        pytest.param((dial(), dial("RINGING")), True, ("180", "received", None, None), id="it rings"),
        pytest.param((dial(), RINGING, dial("RINGING")), True, ("180", "received", None, None), id="180 is told twice"),
        pytest.param((dial(), dial("PROGRESS")), True, ("183", "received", None, None), id="early media"),
        pytest.param((dial(), UP, dial("ANSWER")), True, ("200", "received", None, None), id="answered"),
        pytest.param((START, UP, UP), False, OK_SENT, id="Up is told twice"),
        pytest.param((START, UP, HOLD), False, ("re-INVITE hold", "received", None, None), id="hold"),
        pytest.param((START, UP, HOLD, UNHOLD), False, ("re-INVITE unhold", "received", None, None), id="unhold"),
        pytest.param((START, UP, TRANSFER), False, ("REFER", "sent", None, None), id="REFER"),
        pytest.param((START, UP, refer()), False, ("REFER", "received", None, None), id="REFER of the phone"),
        pytest.param((START, UP, refer("channel_progress")), False, OK_SENT, id="an answer to it"),
        pytest.param(
            (START, UP, TRANSFER, *referred("SUCCESS", "0")), False, ("NOTIFY", "received", 200, None), id="NOTIFY 200"
        ),
        pytest.param(
            (START, UP, *referred("FAILURE", "603")),
            False,
            ("REFER failure", "received", 603, None),
            id="REFER refused",
        ),
        pytest.param((START, UP, *referred("FAILURE", "0")), False, OK_SENT, id="a REFER without a word"),
        pytest.param((START, UP, referred("", "603")[1]), False, OK_SENT, id="half of an outcome"),
        pytest.param((START, UP, START), False, OK_SENT, id="back in Stasis"),
        pytest.param((START, UP, RINGING), False, OK_SENT, id="no state of a caller's"),
        pytest.param((START, UP, ChannelDialplan(channel=channel(app="Set"))), False, OK_SENT, id="a step"),
        pytest.param((START, UP, ChannelDestroyed(channel=channel(), cause=0)), False, OK_SENT, id="what says nothing"),
        pytest.param((dial(), hangup(0, 0)), True, ("failure", "received", None, None), id="codes that are none"),
        pytest.param((dial(), hangup(999, 9999)), True, ("failure", "received", None, None), id="too large codes"),
        pytest.param((dial(), START), True, DIALLED, id="StasisStart of a channel of ours"),
    ],
)
def test_the_last_entry_is_what_the_last_event_says(events: Sequence[AriEvent], placed: bool, last: Entry) -> None:
    timeline = told(*events, placed=placed)
    assert entries(timeline.events)[-1] == last
    assert entries(timeline.events)[0] == (DIALLED if placed else INVITED)
    assert [entry.timestamp for entry in timeline.events] == sorted(entry.timestamp for entry in timeline.events)


def test_a_second_hangup_request_is_none_of_the_far_ends() -> None:
    timeline = told(START, UP, hangup(), hangup(16, soft=True))
    assert entries(timeline.events) == [INVITED, OK_SENT, ("BYE", "received", None, None)]


@pytest.mark.parametrize(
    ("events", "placed", "cause", "last"),
    [
        ((START, UP), False, 31, ("BYE", "sent", None, 31)),
        ((START,), False, 17, ("failure", "sent", 486, 17)),
        ((dial(),), True, 16, ("CANCEL", "sent", None, 16)),
        ((dial(), UP), True, 16, ("BYE", "sent", None, 16)),
    ],
)
def test_what_we_have_asterisk_send(events: Sequence[AriEvent], placed: bool, cause: int, last: Entry) -> None:
    timeline = told(*events, placed=placed)
    timeline.ending()
    assert not timeline.feed(hangup(cause, soft=True), 8)
    timeline.hung_up(9, q850_cause=cause)
    assert entries(timeline.events)[-1] == last
    found = timeline.hangup(Teardown(Reason.MANUAL_STOPPED, cause), 9)
    assert (found.who, found.timestamp, found.sip_status, found.q850_cause) == ("api", 9, last[2], cause)


def test_a_bye_that_crosses_ours_is_told_instead_of_it() -> None:
    timeline = told(START, UP)
    timeline.ending()
    timeline.feed(hangup(), 8)
    timeline.hung_up(9, q850_cause=16)
    timeline.sent_on(9)
    assert entries(timeline.events)[2:] == [("BYE", "received", None, None)]
    assert timeline.hangup(Teardown(Reason.AGENT_HANGUP, 16), 7).who == "agent"


def test_ringing_is_told_unless_the_dialplan_has_answered() -> None:
    ringing, answered = told(START), told(StasisStart(channel=channel("Up")))
    for timeline in (ringing, ringing, answered):
        timeline.rang(5)
    assert entries(ringing.events) == [INVITED, ("180", "sent", None, None)]
    assert entries(answered.events) == [INVITED]


def test_the_dialplan_is_where_the_timeline_ends() -> None:
    timeline = told(START, UP)
    timeline.sent_on(9)
    assert entries(timeline.events)[-1] == ("dialplan", None, None, None)
    found = timeline.hangup(Teardown(Reason.AGENT_HANGUP, continues_in_dialplan=True), 9)
    assert (found.who, found.q850_cause) == ("agent", None)


@pytest.mark.parametrize(
    ("events", "placed", "teardown", "who", "status", "cause"),
    [
        pytest.param((START, UP, hangup()), False, Teardown(Reason.USER_HANGUP), "caller", None, None, id="BYE"),
        pytest.param((START, hangup(127, 487)), False, Teardown(Reason.USER_HANGUP), "caller", 487, None, id="CANCEL"),
        pytest.param((dial(), UP, hangup()), True, Teardown(Reason.USER_HANGUP), "far_end", None, None, id="their BYE"),
        pytest.param((dial(), hangup(17, 486)), True, Teardown(Reason.DIAL_BUSY), "far_end", 486, 17, id="busy"),
        pytest.param(
            (START, UP, hangup(18, 408)),
            False,
            Teardown(Reason.ERROR_NO_AUDIO_RECEIVED, why="dead"),
            "asterisk",
            408,
            18,
            id="dead",
        ),
        pytest.param(
            (START, UP, hangup(44, soft=True)),
            False,
            Teardown(Reason.ERROR_NO_AUDIO_RECEIVED),
            "asterisk",
            None,
            44,
            id="rtp_timeout",
        ),
        pytest.param((START, UP), False, Teardown(Reason.USER_HANGUP), "caller", None, None, id="an event was missed"),
        pytest.param((dial(), UP), True, Teardown(Reason.USER_HANGUP), "far_end", None, None, id="missed, placed"),
        pytest.param((), False, Teardown(None), "system", None, None, id="no reason, no event"),
        pytest.param(
            (START, UP, TRANSFER, hangup()),
            False,
            Teardown(Reason.CALL_TRANSFER, 16),
            "caller",
            None,
            None,
            id="BYE after a REFER",
        ),
    ],
)
def test_who_hung_up(
    events: Sequence[AriEvent], placed: bool, teardown: Teardown, who: str, status: int | None, cause: int | None
) -> None:
    found = told(*events, placed=placed).hangup(teardown, 99)
    assert (found.who, found.sip_status, found.q850_cause, found.reason) == (who, status, cause, teardown.why)


def test_the_target_of_a_transfer_has_a_leg_of_its_own() -> None:
    timeline = told(START, UP)
    for event in (dial(), dial("RINGING"), hangup(17, 486), dial(), dial("RINGING"), UP):
        timeline.feed(event, 10, leg="target")
    told_of_target = [entry.event for entry in timeline.events if entry.leg == "target"]
    assert told_of_target == ["INVITE", "180", "failure", "INVITE", "180", "200"]
    timeline.feed(hangup(), 20, leg="target")
    timeline.feed(hangup(), 30)
    assert timeline.hangup(Teardown(Reason.CALL_TRANSFER, 16), 99).who == "target"
    assert timeline.hangup(Teardown(Reason.USER_HANGUP), 99).who == "caller"


def test_an_answer_that_is_told_before_its_invite_stands_behind_it() -> None:
    timeline = told(RINGING, dial(), dial("RINGING"), placed=True)
    timeline.feed(RINGING, 10, leg="target")
    timeline.feed(dial(), 10, leg="target")
    assert [(entry.leg, entry.event) for entry in timeline.events] == [
        ("caller", "INVITE"),
        ("caller", "180"),
        ("target", "INVITE"),
        ("target", "180"),
    ]


def test_a_target_is_hung_up_by_us() -> None:
    timeline = told(START, UP)
    timeline.feed(dial(), 5, leg="target")
    timeline.ending(leg="target")
    timeline.hung_up(9, q850_cause=16, leg="target")
    assert (timeline.events[-1].leg, timeline.events[-1].event) == ("target", "CANCEL")
    assert timeline.hangup(Teardown(Reason.MANUAL_STOPPED, 16, who="system"), 99).who == "system"


def test_a_timeline_is_bounded_and_has_its_end_nevertheless() -> None:
    timeline = told(START, UP, *((HOLD, UNHOLD) * MAX_EVENTS))
    assert len(timeline.events) < MAX_EVENTS
    timeline.feed(hangup(), 9_999)
    assert timeline.events[-1].event == "BYE"
    for _ in range(MAX_EVENTS):
        timeline.sent_on(9_999)
    assert len(timeline.events) <= MAX_EVENTS


@pytest.mark.parametrize(
    ("reason", "who"),
    [
        (Reason.AGENT_HANGUP, "agent"),
        (Reason.MANUAL_STOPPED, "api"),
        (Reason.USER_HANGUP, "caller"),
        (Reason.INACTIVITY, "system"),
        (None, "system"),
    ],
)
def test_who_ends_a_call_for_a_reason(reason: Reason | None, who: str) -> None:
    assert hangup_for(reason, 5).who == who
    assert hangup_for(reason, 5, who="asterisk", why="so").reason == "so"


@pytest.mark.parametrize(("cause", "status"), [(1, 404), (17, 486), (34, 503), (16, 603), (41, 603), (127, 500)])
def test_the_status_of_a_refusal(cause: int, status: int) -> None:
    assert status_of_refusal(cause) == status


def test_the_timeline_of_an_earlier_run_goes_on() -> None:
    before = told(START, UP).events
    timeline = SipTimeline(placed=False)
    timeline.resume(before)
    timeline.feed(hangup(), 9)
    assert [entry.event for entry in timeline.events] == ["INVITE", "200", "BYE"]


def test_the_invite_of_an_earlier_run_is_not_told_again_and_a_call_that_the_dialplan_answered_is_up() -> None:
    timeline = SipTimeline(placed=False)
    timeline.resume(told(START).events)
    timeline.caller_is_up()
    timeline.feed(START, 9)
    timeline.hung_up(10, q850_cause=16)
    assert [entry.event for entry in timeline.events] == ["INVITE", "BYE"]
