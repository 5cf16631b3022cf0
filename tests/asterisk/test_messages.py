"""Text messages: who wrote to whom, where the answer goes, and nothing of it can be made to go elsewhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.asterisk.events import TextMessageReceived
from ari_agent.asterisk.messages import LONGEST_PART_BYTES, destination, incoming_message, parts
from ari_agent.errors import MalformedMessage


def received(**changes: Any) -> TextMessageReceived:
    variables = {"PJSIP_RECVADDR": "192.0.2.7:5060", "PJSIP_TRANSPORT": "udp", "Call-ID": "abc", "Content-Length": "5"}
    message = {
        "from": changes.pop("from_", '"Ann" <sip:+14155550100@carrier.example>'),
        "to": changes.pop("to", "pjsip:+14152000001@pbx.example"),
        "body": changes.pop("body", "hello"),
        "variables": variables | changes.pop("variables", {}),
    }
    endpoint = {"technology": "PJSIP", "resource": changes.pop("endpoint", "carrier"), "state": "online"}
    assert not changes
    return TextMessageReceived.model_validate({"endpoint": endpoint, "message": message})


def test_a_message_is_answered_where_it_came_from() -> None:
    message = incoming_message(received())
    assert (message.from_number, message.to_number, message.body) == ("+14155550100", "+14152000001", "hello")
    assert message.answer_to.to == "pjsip:carrier/sip:+14155550100@192.0.2.7:5060"
    assert message.answer_to.from_uri == "sip:+14152000001@pbx.example"
    assert message.sip_call_id == "abc"


@pytest.mark.parametrize(("transport", "tail"), [("udp", ""), ("TCP", ";transport=tcp"), ("tls", ";transport=tls")])
def test_over_the_same_transport(transport: str, tail: str) -> None:
    message = incoming_message(received(variables={"PJSIP_TRANSPORT": transport}))
    assert message.answer_to.to == f"pjsip:carrier/sip:+14155550100@192.0.2.7:5060{tail}"


@pytest.mark.parametrize(
    ("from_", "number"),
    [
        ("<sip:+1415@h>", "+1415"),
        ("sip:softphone@h", "softphone"),
        ('"<sip:+1999@evil>" <sip:+1415@h>', "+1415"),
        ("<sip:+1415;phone-context=x@h;user=phone>", "+1415"),
        ("<sips:%2B1415@[2001:db8::1]:5061>", "+1415"),
        ("<sip:*67%23@h>", "*67#"),
        ("tel:+4930123@", "+4930123"),  # as Asterisk 22 hands it over
        ('"A" <tel:+49-30(12)3;phone-context=x>', "+4930123"),
    ],
)
def test_the_sender_is_the_user_of_from(from_: str, number: str) -> None:
    assert incoming_message(received(from_=from_)).from_number == number


@pytest.mark.parametrize(
    "changes",
    [
        {"from_": "<sip:anonymous.invalid>"},
        {"from_": "<sip:a%22%3e%0d%0aX@h>"},
        {"from_": ""},
        {"from_": '"Anonymous" <sip:anonymous@anonymous.invalid>'},
        {"from_": "<sip:Anonymous@pbx.example>"},
        {"from_": "<tel:+1 415@h>"},
        {"to": "pjsip:+1 415@h"},
        {"to": "pjsip:+1415@h/../x"},
        {"to": "smtp:+1415@h"},
        {"endpoint": "a/b"},
        {"endpoint": ""},
        {"variables": {"PJSIP_RECVADDR": ""}},
        {"variables": {"PJSIP_RECVADDR": "192.0.2.7:5060;maddr=192.0.2.8"}},
    ],
)
def test_what_cannot_be_answered_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessage):
        incoming_message(received(**changes))


def test_a_text_that_asterisk_dropped_is_no_empty_text() -> None:
    assert incoming_message(received(body="", variables={"Content-Length": "1500"})).is_cut_off
    assert not incoming_message(received(body="", variables={"Content-Length": " 0"})).is_cut_off
    assert not incoming_message(received()).is_cut_off


@given(from_=st.text(max_size=80), to=st.text(max_size=80), address=st.text(max_size=40), transport=st.text(max_size=5))
def test_no_input_crashes_it(from_: str, to: str, address: str, transport: str) -> None:
    given_variables = {"PJSIP_RECVADDR": address, "PJSIP_TRANSPORT": transport}
    with pytest.raises(MalformedMessage):
        incoming_message(received(from_=from_, to=to, variables=given_variables))


@given(number=st.text(min_size=1, max_size=30))
def test_a_number_stays_the_user_part_whatever_is_in_it(number: str) -> None:
    wanted = destination("trunk", to_number=number, from_number=number, address="sip.example.com:5080;transport=tls")
    assert re.fullmatch(r"pjsip:trunk/sip:[A-Za-z0-9+*~._%-]+@sip\.example\.com:5080;transport=tls", wanted.to)
    assert re.fullmatch(r"sip:[A-Za-z0-9+*~._%-]+@sip\.example\.com", wanted.from_uri)


def test_an_ipv6_trunk() -> None:
    wanted = destination("t", to_number="+1", from_number="+2", address="[2001:db8::1]:5080")
    assert (wanted.to, wanted.from_uri) == ("pjsip:t/sip:+1@[2001:db8::1]:5080", "sip:+2@[2001:db8::1]")


@given(st.text(), st.integers(4, 40))
def test_parts_fit_and_lose_nothing_but_spaces(text: str, limit_bytes: int) -> None:
    found = parts(text, limit_bytes)
    assert all(0 < len(part.encode("utf-8", "replace")) <= limit_bytes for part in found)
    assert "".join("".join(found).split()) == "".join(text.split())


def test_words_stay_whole() -> None:
    assert parts("one two three four", 9) == ["one two", "three", "four"]
    assert parts("x" * 2500) == ["x" * LONGEST_PART_BYTES, "x" * LONGEST_PART_BYTES, "x" * 500]
    assert parts("  \n ") == []
