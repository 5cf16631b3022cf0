from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.agents.control import REQUESTS, read_request, refusal, transfer_answer
from ari_agent.agents.message import Asked, Refused
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferOutcome, TransferRequest
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
        ("hangup", {"q850_cause": 34}, HangupRequest(q850_cause=34)),
        ("hangup", {}, HangupRequest(q850_cause=16)),
        ("dtmf", {"digits": "12#"}, DtmfRequest(digits="12#")),
    ],
)
def test_call_control_is_read(event: str, body: object, wanted: TransferRequest | HangupRequest | DtmfRequest) -> None:
    assert read_request(event, {"event": event, event: body}) == Asked(wanted)


def test_hangup_needs_no_body() -> None:
    assert read_request("hangup", {"event": "hangup"}) == Asked(HangupRequest())


@pytest.mark.parametrize(
    ("event", "body", "named"),
    [
        ("transfer", {"to": "+1555\r\nX-Evil: 1"}, "to"),
        ("transfer", {}, "to"),
        ("transfer", "now", "object"),
        ("hangup", {"q850_cause": 128}, "q850_cause"),
        ("dtmf", {"digits": "call me"}, "digits"),
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
