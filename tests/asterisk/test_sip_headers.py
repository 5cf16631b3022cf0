"""SIP headers: which count, how they are read, and what they are called afterwards."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.asterisk.sip_headers import (
    CALLED_PARTY,
    MAX_HEADERS,
    PRIVACY,
    HeaderRead,
    becomes_variable,
    callers_host,
    channel_variable_name,
    channel_variables,
    custom_sip_headers,
    fact_reads,
    header_reads,
    under_both_names,
    written_names,
)

INVITE = (
    "Via,From,To,Call-ID,CSeq,Contact,Max-Forwards,X-Caller,x-lower,X-Rep,X-Rep,x-rep,Diversion,History-Info,"
    "P-Asserted-Identity,User-To-User,Content-Type,Content-Length"
)


def test_custom_headers_and_four_others_are_read_in_the_order_of_the_invite() -> None:
    assert header_reads(INVITE) == [
        HeaderRead("X-Caller", 1),
        HeaderRead("x-lower", 1),
        HeaderRead("X-Rep", 1),
        HeaderRead("X-Rep", 2),
        HeaderRead("x-rep", 3),
        HeaderRead("Diversion", 1),
        HeaderRead("History-Info", 1),
        HeaderRead("P-Asserted-Identity", 1),
        HeaderRead("User-To-User", 1),
    ]


def test_a_header_is_read_with_the_number_of_its_line() -> None:
    assert HeaderRead("X-Rep", 2).function == "PJSIP_HEADER(read,X-Rep,2)"


@pytest.mark.parametrize("name", ["X-A", "x-a", "X-Twilio-CallSid", "DIVERSION", "user-to-user", "X-a.b%c!d~e+f_g"])
def test_names_that_count(name: str) -> None:
    assert becomes_variable(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "X",
        "X-",
        "From",
        "P-Preferred-Identity",
        "X-Star*",
        "X-A)",
        "X-A(",
        "X-A,1",
        "X-A B",
        "X-${A}",
        'X-"',
        "X-é",
    ],
)
def test_names_that_do_not_count(name: str) -> None:
    assert not becomes_variable(name)


def test_a_flood_of_headers_is_cut() -> None:
    assert len(header_reads(",".join(["X-A"] * 5000))) == MAX_HEADERS


def test_values_are_left_as_they_are_and_lines_of_one_name_joined() -> None:
    lines = [("X-Caller", 'q"uo;te, \\ ${SHELL(id)}'), ("X-Rep", "one"), ("x-rep", "two"), ("Diversion", "<sip:2@h>")]
    assert custom_sip_headers(lines) == {
        "x-caller": 'q"uo;te, \\ ${SHELL(id)}',
        "x-rep": "one, two",
        "diversion": "<sip:2@h>",
    }


@pytest.mark.parametrize(
    ("header", "variable"),
    [
        ("x-caller", "ARI_AGENT_HDR_X_CALLER"),
        ("p-asserted-identity", "ARI_AGENT_HDR_P_ASSERTED_IDENTITY"),
        ("x-a.b%c", "ARI_AGENT_HDR_X_A_B_C"),
    ],
)
def test_a_channel_variable_is_named_after_its_header(header: str, variable: str) -> None:
    assert channel_variable_name(header) == variable


def test_headers_that_would_share_a_variable_each_get_their_own() -> None:
    assert channel_variables({"x-a-b": "1", "x-a.b": "2", "x-a-b-2": "3", "x-a+b": "4"}) == {
        "ARI_AGENT_HDR_X_A_B": "1",
        "ARI_AGENT_HDR_X_A_B_2": "2",
        "ARI_AGENT_HDR_X_A_B_2_2": "3",
        "ARI_AGENT_HDR_X_A_B_3": "4",
    }


@pytest.mark.parametrize(
    ("remote_uri", "remote_address", "host"),
    [
        ('\\"Bob\\" <sip:+15550001111@carrier.example>', "192.0.2.1:5060", "carrier.example"),
        ("<sip:alice@pbx.example;user=phone>", "192.0.2.1:5080", "pbx.example"),
        ("<sip:+1@192.0.2.1>", "192.0.2.1:5060", "192.0.2.1"),
        ("<sip:+1@192.0.2.1>", "192.0.2.1:5080", "192.0.2.1:5080"),
        ("<sip:anonymous@anonymous.invalid>", "192.0.2.1:5060", "192.0.2.1"),
        ("<sip:+1@[2001:db8::1]:5070>", "[2001:db8::2]:5060", "[2001:db8::1]"),
        ("sips:bob@host.example", None, "host.example"),
        ("<tel:+1555>", "192.0.2.1:5061", "192.0.2.1:5061"),
        ("<tel:+1555>", None, None),
        (None, None, None),
        ("<sip:a@evil.example,x>", None, None),
    ],
)
def test_a_bare_number_belongs_to_the_callers_own_domain(
    remote_uri: str | None, remote_address: str | None, host: str | None
) -> None:
    assert callers_host(remote_uri, remote_address) == host


@given(st.text())
def test_no_list_of_names_crashes_the_parser_and_no_name_can_end_the_function(names: str) -> None:
    for read in header_reads(names):
        assert re.fullmatch(r"PJSIP_HEADER\(read,[^(),\"'\\${}|*\s]+,[0-9]+\)", read.function)


@given(st.text(), st.text())
def test_no_uri_crashes_the_parser_and_no_host_can_end_the_uri(remote_uri: str, remote_address: str) -> None:
    host = callers_host(remote_uri, remote_address)
    assert host is None or re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", host)


@given(st.dictionaries(st.from_regex(r"x-[a-z0-9.!%_+~-]{1,12}", fullmatch=True), st.text(), max_size=20))
def test_every_header_has_one_variable_that_a_dialplan_can_name(headers: dict[str, str]) -> None:
    variables = channel_variables(headers)
    assert list(variables.values()) == list(headers.values())
    assert all(re.fullmatch(r"ARI_AGENT_HDR_[A-Z0-9_]+", name) for name in variables)


@given(st.lists(st.tuples(st.sampled_from(["X-A", "x-a", "Diversion"]), st.text()), max_size=6))
def test_no_line_is_lost(lines: list[tuple[str, str]]) -> None:
    headers = custom_sip_headers(lines)
    for key in {name.lower() for name, _ in lines}:
        assert headers[key] == ", ".join(value for name, value in lines if name.lower() == key)


def test_headers_that_tell_who_is_called_and_who_calls_are_read_and_are_no_variables() -> None:
    assert fact_reads("To,privacy, p-called-party-id") == [CALLED_PARTY, PRIVACY]
    assert fact_reads(INVITE) == []
    assert not becomes_variable("Privacy")


def test_a_header_has_the_name_that_the_invite_writes_and_the_one_in_lower_case() -> None:
    written = written_names(header_reads("X-Test-Header,x-lower,X-Rep,x-rep"))
    assert written == {"x-test-header": "X-Test-Header", "x-lower": "x-lower", "x-rep": "X-Rep"}
    headers = {"x-test-header": "a", "x-lower": "b", "x-other": "c"}
    assert under_both_names(headers, written) == {**headers, "X-Test-Header": "a"}
