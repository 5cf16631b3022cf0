"""How a transfer's target is dialled: the endpoint, whom it sees, and which trunk it goes through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.asterisk.target import Target, TrunkEndpoint, failure, target
from ari_agent.contract.call_control import TransferRequest
from ari_agent.errors import InvalidTransferTarget

OURS, CALLER = "+14155550001", "+14155550100"
OWN = TrunkEndpoint(
    "a-trunk-1", {"from_user": OURS, "outbound_auth": "a-trunk-1", "aors": "a-trunk-1"}, "sip:c.example"
)


def dialled(
    to: str = "+14155559999", *, caller: str = CALLER, own: TrunkEndpoint | None = OWN, **fields: object
) -> Target:
    request = TransferRequest.model_validate({"to": to, "mode": "sip_invite", **fields})
    return target(request, call_id="call_1", phone_number=OURS if own else "", own=own, context="desks", caller=caller)


@pytest.mark.parametrize(
    ("to", "endpoint", "made"),
    [
        ("+14155559999", "PJSIP/+14155559999@a-trunk-1", None),
        ("00441632960000", "PJSIP/00441632960000@a-trunk-1", None),
        ("sip:bob@C.example", "PJSIP/bob@a-trunk-1", None),
        ("sip:c.example", "PJSIP/a-trunk-1/sip:c.example", None),
        ("sip:bob@C.example:5080", "PJSIP/a-trunk-1/sip:bob@C.example:5080", None),
        ("sip:bob@evil.example", "PJSIP/a-trunk-1-foreign/sip:bob@evil.example", "a-trunk-1-foreign"),
        ("sip:bob@[2001:db8::1]", "PJSIP/a-trunk-1-foreign/sip:bob@[2001:db8::1]", "a-trunk-1-foreign"),
        ("101", "Local/101@desks/n", None),
    ],
)
def test_each_destination_has_its_way(to: str, endpoint: str, made: str | None) -> None:
    one = dialled(to)
    assert one.endpoint == endpoint
    assert (one.made_before and one.made_before.id) == made


def test_a_foreign_host_is_not_given_our_login() -> None:
    made = dialled("sip:bob@evil.example").made_before
    assert made is not None
    assert made.fields == {**OWN.fields, "outbound_auth": ""}


def test_the_trunk_sees_our_number_and_the_headers() -> None:
    one = dialled(headers={"X-Case": "7, of | 9"})
    assert one.variables == {
        "PJSIP_HEADER(add,X-Case)": "7, of | 9",
        "CONNECTEDLINE(num,i)": OURS,
        "CONNECTEDLINE(num-pres)": "allowed",
    }


def test_the_caller_is_shown_where_that_is_asked_for() -> None:
    one = dialled(show_transferee_as_caller=True)
    assert one.endpoint == "PJSIP/+14155559999@a-trunk-1-caller"
    assert one.made_before is not None
    assert one.made_before.fields["from_user"] == ""
    assert one.made_before.fields["send_pai"] == one.made_before.fields["trust_id_outbound"] == "yes"
    assert one.variables["CONNECTEDLINE(num,i)"] == CALLER


@pytest.mark.parametrize(
    "caller", ["", "anonymous", "Anonymous", "a,b", "1\r\nX: 2", "a b", "+" + "1" * 90, '">,<sip:x']
)
def test_a_caller_without_a_number_that_can_be_told_is_anonymous(caller: str) -> None:
    one = dialled(caller=caller, show_transferee_as_caller=True)
    assert (one.variables["CONNECTEDLINE(num,i)"], one.variables["CONNECTEDLINE(pres)"]) == (OURS, "prohib")


def test_the_dialplan_gets_headers_and_call_as_variables_that_channels_inherit() -> None:
    one = dialled("101", headers={"X-Case": "7"}, show_transferee_as_caller=True)
    assert one.variables["__ARI_AGENT_HDR_X_CASE"] == "7"
    assert one.variables["__ARI_AGENT_CALL_ID"] == "call_1"
    assert one.variables["CONNECTEDLINE(num,i)"] == CALLER


def test_without_a_trunk_only_extensions_are_reached() -> None:
    with pytest.raises(InvalidTransferTarget, match="no number with a trunk"):
        dialled(own=None)
    assert dialled("101", own=None).variables["CONNECTEDLINE(pres)"] == "prohib"


def test_without_a_context_there_are_no_extensions() -> None:
    with pytest.raises(InvalidTransferTarget, match="no dialplan context"):
        target(
            TransferRequest(to="101", mode="sip_invite"),
            call_id="c",
            phone_number=OURS,
            own=OWN,
            context="",
            caller="",
        )


@pytest.mark.parametrize(
    ("sip_status", "cause", "told", "words"),
    [
        (486, 17, 486, "busy"),
        (None, 17, 486, "busy"),
        (None, 21, 603, "declined"),
        (699, 127, 699, "could not be reached"),
        (None, None, None, "could not be reached"),
        (None, 127, None, "could not be reached"),
    ],
)
def test_a_failure_is_told_as_a_status_and_in_words(
    sip_status: int | None, cause: int | None, told: int | None, words: str
) -> None:
    outcome = failure(sip_status, cause)
    assert (outcome.status, outcome.sip_status) == ("failed", told)
    assert words in (outcome.message or "")


@given(to=st.from_regex(r"sips?:[ -~]{1,20}@[ -~]{1,20}|\+?[0-9]{1,9}[ -~]{0,2}", fullmatch=True), caller=st.text())
def test_nothing_of_a_request_reads_as_more_than_one_destination(to: str, caller: str) -> None:
    try:
        one = dialled(to, caller=caller, show_transferee_as_caller=True)
    except ValueError:
        return
    assert not set(one.endpoint) & set(",|&\r\n\"'$<> ")
    assert one.endpoint.split("/")[0] in ("PJSIP", "Local")
    assert one.endpoint.count("/") <= 2
    assert not set(one.variables["CONNECTEDLINE(num,i)"]) & set(",|&\r\n\"'<>$ ")
