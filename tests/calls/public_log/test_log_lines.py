"""What a public log says of the events of a call and the commands to its agent, by their kind."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from ari_agent.asterisk.events import Channel, ChannelDtmfReceived, ChannelHold, ChannelUnhold, StasisEnd
from ari_agent.calls.call_requests import DtmfRequested, ShuttingDown, StopRequested, TransferRequested, UpdateRequested
from ari_agent.calls.media.call_media import (
    AgentAway,
    AgentBack,
    AgentFailed,
    AgentHungUp,
    AgentReady,
    AudioStopped,
    ConsentOver,
    DtmfAsked,
    GreetingHeard,
    LatencyMeasured,
    MessagePassed,
    RecordingPaused,
    TransferAsked,
    TransferDecided,
    TurnStep,
)
from ari_agent.calls.media.commands import CallerAway, ControlFailed, TransferGoesOn, Voicemail
from ari_agent.calls.media.greeting_listener import Heard
from ari_agent.calls.public_log.log_events import EVENTS, HAS_CONTENT
from ari_agent.calls.public_log.log_lines import LINES, add_agent, note
from ari_agent.calls.public_log.public_log import LINES_PER_S, NO_LOG, PublicLog
from ari_agent.calls.session_events import MediaMeasured
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferRequest, VoicemailNotice
from ari_agent.contract.call_update import CallControl, LiveCallUpdate
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.media_quality import MediaQuality, StreamQuality
from ari_agent.contract.response_engine import AudioWebsocketEngine, CustomLlmEngine
from ari_agent.contract.sip_timeline import SipEvent
from ari_agent.contract.transfer_progress import TransferDecision, TransferProgress

CHANNEL = Channel.model_construct(id="1.1", name="PJSIP/x-1", state="Up")
TO = TransferRequest(to="+14155559999")


def said_of(*happened: object) -> list[dict[str, Any]]:
    """The lines, without their time."""
    octets: list[bytes] = []
    log = PublicLog(lambda: octets.append, lambda: 0.0)
    log.open(keeps_content=True)
    for each in happened:
        note(log, each)
    lines = [json.loads(line) for line in octets]
    for line in lines:
        assert line.pop("ms") == 0
    return lines


@pytest.fixture
def future() -> Any:
    loop = asyncio.new_event_loop()
    yield loop.create_future()
    loop.close()


@pytest.mark.parametrize(
    ("happened", "line"),
    [
        (AgentAway("close code 1006"), {"event": "agent_lost", "content": "close code 1006"}),
        (
            AgentBack(400, 2, "close code 1006"),
            {"event": "agent_reconnected", "away_ms": 400, "attempts": 2},
        ),
        (
            MessagePassed("received", b'{"event":"mark"}'),
            {
                "event": "agent_message",
                "direction": "received",
                "kind": "mark",
                "bytes": 16,
                "content": {"event": "mark"},
            },
        ),
        (
            MessagePassed("received", b"{", "no JSON"),
            {
                "event": "agent_message",
                "direction": "received",
                "kind": "unknown",
                "bytes": 1,
                "ignored": True,
                "content": {"fault": "no JSON", "message": None},
            },
        ),
        (TurnStep("agent_asked", 3), {"event": "turn", "what": "agent_asked", "response_id": 3}),
        (TurnStep("user_heard", text="yes"), {"event": "turn", "what": "user_heard", "content": "yes"}),
        (LatencyMeasured("e2e", 812.4), {"event": "latency", "part": "e2e", "took_ms": 812}),
        (LatencyMeasured("e2e", 812.4, 950.2), {"event": "latency", "part": "e2e", "took_ms": 812, "ago_ms": 950}),
        (
            MediaMeasured(
                MediaQuality(
                    codec="ulaw",
                    caller_to_agent=StreamQuality(packets=500, lost=3),
                    agent_to_caller=StreamQuality(packets=499),
                )
            ),
            {
                "event": "media_quality",
                "codec": "ulaw",
                "caller_to_agent": {"packets": 500, "lost": 3},
                "agent_to_caller": {"packets": 499},
            },
        ),
        (AgentReady(), {"event": "agent_connected"}),
        (
            AgentFailed(DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN, "answered 500"),
            {"event": "agent_failed", "reason": "error_llm_websocket_open", "content": "answered 500"},
        ),
        (AgentHungUp(16), {"event": "agent_hung_up", "q850_cause": 16}),
        (
            TransferAsked(TO),
            {"event": "command", "by": "agent", "command": "transfer", "content": {"to": "+14155559999"}},
        ),
        (
            DtmfAsked(DtmfRequest(digits="1")),
            {"event": "command", "by": "agent", "command": "dtmf", "content": {"digits": "1"}},
        ),
        (
            TransferDecided(TransferDecision(action="cancel")),
            {"event": "command", "by": "agent", "command": "transfer_cancel"},
        ),
        (
            StopRequested(HangupRequest(q850_cause=17)),
            {"event": "command", "by": "api", "command": "stop", "content": {"q850_cause": 17}},
        ),
        (ControlFailed("dtmf", "why"), {"event": "command_failed", "command": "dtmf", "content": "why"}),
        (
            TransferGoesOn(TransferProgress(status="dialling", hears="nobody")),
            {"event": "transfer_progress", "status": "dialling", "hears": "nobody"},
        ),
        (
            TransferGoesOn(TransferProgress(status="private_handoff", hears="target", message="Hi", prompt="p")),
            {
                "event": "transfer_progress",
                "status": "private_handoff",
                "hears": "target",
                "content": {"message": "Hi", "prompt": "p"},
            },
        ),
        (
            Voicemail(VoicemailNotice(status="recording", action="static_text", text="Hi")),
            {
                "event": "command",
                "by": "system",
                "command": "voicemail_recording",
                "content": {"status": "recording", "action": "static_text", "text": "Hi"},
            },
        ),
        (
            ChannelDtmfReceived(channel=CHANNEL, digit="5", duration_ms=90),
            {"event": "key", "duration_ms": 90, "content": "5"},
        ),
        (ChannelHold(channel=CHANNEL), {"event": "hold", "by": "phone", "holds": True}),
        (ChannelUnhold(channel=CHANNEL), {"event": "hold", "by": "phone", "holds": False}),
        (
            ConsentOver(heard=True, played_ms=1500),
            {"event": "recording_consent", "outcome": "heard", "played_ms": 1500},
        ),
        (
            ConsentOver(heard=False, played_ms=700),
            {"event": "recording_consent", "outcome": "cut_short", "played_ms": 700},
        ),
        (RecordingPaused(paused=True, asked_by="api"), {"event": "recording", "by": "api", "paused": True}),
        (GreetingHeard(Heard.MACHINE), {"event": "answered_by", "what": "machine"}),
        (AudioStopped(is_first=True), {"event": "limit", "what": "audio_stopped"}),
        (ShuttingDown(), {"event": "limit", "what": "shutdown"}),
        (
            SipEvent(event="failure", leg="target", direction="received", timestamp=1, sip_status=486, q850_cause=17),
            {
                "event": "sip",
                "message": "failure",
                "leg": "target",
                "direction": "received",
                "sip_status": 486,
                "q850_cause": 17,
            },
        ),
    ],
)
def test_a_line(happened: object, line: dict[str, Any]) -> None:
    assert said_of(happened) == [line]


def test_requests_of_the_api(future: Any) -> None:
    update = LiveCallUpdate(call_control=CallControl(additional_context="new"))
    assert said_of(
        TransferRequested(TO, future), DtmfRequested(DtmfRequest(digits="1"), future), UpdateRequested(update, future)
    ) == [
        {"event": "command", "by": "api", "command": "transfer", "content": {"to": "+14155559999"}},
        {"event": "command", "by": "api", "command": "dtmf", "content": {"digits": "1"}},
        {
            "event": "command",
            "by": "api",
            "command": "update",
            "content": {"call_control": {"additional_context": "new"}},
        },
    ]


def test_of_most_events_nothing_is_said() -> None:
    assert said_of(CallerAway(), StasisEnd(channel=CHANNEL), object()) == []


def test_of_an_agent_that_floods_its_call_the_first_messages_of_a_second_are_told() -> None:
    assert len(said_of(*[MessagePassed("received", b"clear")] * (LINES_PER_S + 50))) == LINES_PER_S


def test_all_messages_are_counted_where_there_is_a_log() -> None:
    log = PublicLog(lambda: lambda _: None, lambda: 0.0)
    for of in (log, NO_LOG):
        note(of, MessagePassed("received", b"clear"))
        note(of, MessagePassed("sent", b"clear"))
        note(of, AgentReady())
    assert log.messages == {"received": 1, "sent": 1}
    assert NO_LOG.messages == {}


def test_which_agent_is_dialled_is_told_without_its_secrets() -> None:
    octets: list[bytes] = []
    log = PublicLog(lambda: octets.append, lambda: 0.0)
    log.open(keeps_content=True)
    engine = AudioWebsocketEngine(
        type="audio-websocket",
        audio_websocket_url="wss://user:pw@host/agent?key=1",
        audio_websocket_headers={"X-Own": "secret-of-a-header"},
        audio_websocket_auth_token="secret-token",
    )
    add_agent(log, engine)
    add_agent(log, CustomLlmEngine(type="custom-llm", llm_websocket_url="wss://host/llm?key=1"))
    add_agent(NO_LOG, engine)
    log.add("key", "secret-of-a-header secret-token")
    lines = [json.loads(line) for line in octets]
    assert lines[0] == {"ms": 0, "event": "agent_dialled", "protocol": "twilio", "url": "wss://host/agent"}
    assert lines[1] == {"ms": 0, "event": "agent_dialled", "protocol": "custom-llm", "url": "wss://host/llm"}
    assert lines[2]["content"] == "*** ***"


def test_a_defect_of_the_log_is_logged_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert said_of(AgentHungUp.__new__(AgentHungUp)) == []
    assert "not told in the public log: AgentHungUp" in caplog.text


def test_every_line_is_one_of_the_documented_events() -> None:
    assert {line.event for line in LINES.values()} <= EVENTS.keys()
    assert EVENTS.keys() >= HAS_CONTENT
