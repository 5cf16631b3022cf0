from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.agents.control import (
    REQUESTS,
    live_control,
    read_request,
    read_update,
    refusal,
    transfer_answer,
    transfer_progress,
    voicemail_notice,
)
from ari_agent.agents.message import Asked, CallFacts, ControlRequest, Refused, TranscriptMessage
from ari_agent.agents.twilio import TwilioClient
from ari_agent.agents.web import WebClient
from ari_agent.contract.call_control import (
    DtmfRequest,
    HangupRequest,
    TransferOutcome,
    TransferRequest,
    VoicemailNotice,
)
from ari_agent.contract.call_update import CallControl
from ari_agent.contract.recording import RecordingRequest
from ari_agent.contract.transcript import TranscriptUpdate, Utterance
from ari_agent.contract.transfer_progress import TransferDecision, TransferProgress
from tests.agents.test_message import JSON


@pytest.mark.parametrize(
    ("event", "body", "wanted"),
    [
        ("transfer", {"to": "+15551234567"}, TransferRequest(to="+15551234567")),
        (
            "transfer",
            {"to": "sip:bob@example.com", "mode": "warm", "headers": {"X-Case": "7"}},
            TransferRequest(to="sip:bob@example.com", mode="warm", headers={"X-Case": "7"}),
        ),
        ("transfer", {"action": "bridge"}, TransferDecision(action="bridge")),
        ("transfer", {"action": "cancel", "to": "+15551234567"}, TransferDecision(action="cancel")),
        ("hangup", {"q850_cause": 34}, HangupRequest(q850_cause=34)),
        ("hangup", {}, HangupRequest(q850_cause=16)),
        ("dtmf", {"digits": "12#"}, DtmfRequest(digits="12#")),
        ("recording", {"action": "pause"}, RecordingRequest(action="pause")),
        ("recording", {"action": "resume", "why": "card"}, RecordingRequest(action="resume")),
    ],
)
def test_call_control_is_read(event: str, body: object, wanted: ControlRequest) -> None:
    assert read_request(event, {"event": event, event: body}) == Asked(wanted)


def test_hangup_needs_no_body() -> None:
    assert read_request("hangup", {"event": "hangup"}) == Asked(HangupRequest())


@pytest.mark.parametrize(
    ("event", "body", "named"),
    [
        ("transfer", {"to": "+1555\r\nX-Evil: 1"}, "to"),
        ("transfer", {}, "to"),
        ("transfer", {"action": "hang up"}, "action"),
        ("transfer", "now", "object"),
        ("hangup", {"q850_cause": 128}, "q850_cause"),
        ("dtmf", {"digits": "call me"}, "digits"),
        ("recording", {"action": "stop"}, "action"),
        ("recording", {}, "action"),
    ],
)
def test_what_cannot_be_done_says_which_field_was_wrong(event: str, body: object, named: str) -> None:
    refused = read_request(event, {"event": event, event: body})
    assert isinstance(refused, Refused)
    assert refused.event == event
    assert named in refused.message


@given(st.sampled_from(sorted(REQUESTS)), JSON)
def test_any_body_is_a_request_or_refused_in_one_line(event: str, body: object) -> None:
    answer = read_request(event, {event: body})
    assert isinstance(answer, Asked) or ("\n" not in answer.message and len(answer.message) <= 500)


HELLO = {"role": "agent", "content": "Hello."}
SAID = TranscriptUpdate(transcript=(Utterance(role="agent", content="Hello."),), turntaking="user_turn")


@pytest.mark.parametrize(
    "message",
    [
        {"event": "update", "update": {"transcript": [HELLO], "turntaking": "user_turn"}},
        {"event": "update", "transcript": [HELLO], "turntaking": "user_turn"},
        {"event_type": "update", "transcript": [HELLO], "turntaking": "user_turn"},
    ],
)
def test_a_transcript_is_read_in_every_form_and_protocol(message: dict[str, object]) -> None:
    facts = CallFacts("call_1", "+15551230000", "+15559990000", "inbound")
    for protocol in (TwilioClient(facts, stream_sid="MZ1"), WebClient(facts)):
        said = protocol.read_text(json.dumps(message).encode())
        assert isinstance(said, TranscriptMessage)
        assert said.update == SAID
        shown = {"event_type": "update", "transcript": [HELLO], "turntaking": "user_turn"}
        assert json.loads(said.text) == shown


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (None, "must be an object"),
        ({}, "transcript: required"),
        ({"transcript": [HELLO, {"role": "robot", "content": ""}]}, "transcript[1].role"),
        ({"transcript": [{"role": "user"}]}, "transcript[0].content: required"),
        ({"transcript": [HELLO] * 5_001}, "at most 5000"),
        ({"transcript": [], "turntaking": "mine"}, "turntaking"),
    ],
)
def test_a_malformed_transcript_says_what_was_wrong(body: object, named: str) -> None:
    refused = read_update(b"", {"event": "update", "update": body})
    assert isinstance(refused, Refused)
    assert refused.event == "update"
    assert named in refused.message


@pytest.mark.parametrize("said", ["User: my secret", ["my secret"], [{"role": "my secret", "content": ["my secret"]}]])
def test_a_malformed_transcript_is_refused_without_what_was_said(said: object) -> None:
    refused = read_update(b"", {"event": "update", "update": {"transcript": said}})
    assert isinstance(refused, Refused) and "secret" not in refused.message


@given(JSON)
def test_any_body_is_a_transcript_or_refused_in_one_line(body: object) -> None:
    for message in ({"event": "update", "update": body}, {"event_type": "update", "transcript": body}):
        answer = read_update(b"{}", message)
        assert isinstance(answer, TranscriptMessage) or ("\n" not in answer.message and len(answer.message) <= 500)


def test_the_outcome_of_a_transfer_leaves_out_what_is_unknown() -> None:
    assert transfer_answer(TransferOutcome(status="succeeded")) == {
        "event": "transfer",
        "transfer": {"status": "succeeded"},
    }
    assert transfer_answer(TransferOutcome(status="failed", sip_status=486)) == {
        "event": "transfer",
        "transfer": {"status": "failed", "sip_status": 486},
    }


def test_a_refused_transfer_is_a_failed_transfer_and_the_rest_are_errors() -> None:
    assert refusal("transfer", "no") == {"event": "transfer", "transfer": {"status": "failed", "message": "no"}}
    assert refusal("dtmf", "no") == {"event": "error", "error": {"event": "dtmf", "message": "no"}}


def test_a_machine_is_announced_without_what_is_unknown() -> None:
    assert voicemail_notice(VoicemailNotice(status="greeting", action="static_text", text="Call us back.")) == {
        "event": "voicemail",
        "voicemail": {"status": "greeting", "action": "static_text", "text": "Call us back."},
    }
    assert voicemail_notice(VoicemailNotice(status="recording", action="prompt")) == {
        "event": "voicemail",
        "voicemail": {"status": "recording", "action": "prompt"},
    }


def test_live_control_says_only_what_is_asked() -> None:
    assert live_control(CallControl(trigger_response=True, additional_context="The card expired.")) == {
        "event": "call_control",
        "call_control": {"trigger_response": True, "additional_context": "The card expired."},
    }
    assert live_control(CallControl(trigger_response=False)) == {"event": "call_control", "call_control": {}}


def test_an_agent_is_told_who_hears_it_in_a_transfer() -> None:
    assert transfer_progress(TransferProgress(status="ringing", hears="nobody")) == {
        "event": "transfer",
        "transfer": {"status": "ringing", "hears": "nobody"},
    }
    handoff = {"status": "public_handoff", "hears": "both", "message": "Goodbye.", "spoken_by": "agent"}
    assert transfer_progress(TransferProgress.model_validate(handoff)) == {"event": "transfer", "transfer": handoff}
