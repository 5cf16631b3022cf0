"""REFER: the URI that is sent, what cannot be smuggled into it, and what its outcome means."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ari_agent.asterisk.refer import MAX_REFER_TO_BYTES, outcome_after_bye, parse_outcome, refer_variables
from ari_agent.contract.call_control import TransferOutcome, TransferRequest
from ari_agent.errors import InvalidTransferTarget


def refer_to(to: str, headers: dict[str, str] | None = None, host: str | None = "carrier.example:5080") -> str:
    return refer_variables(TransferRequest(to=to, headers=headers or {}), default_host=host)["ARI_AGENT_REFER_TO"]


@pytest.mark.parametrize(
    ("to", "uri"),
    [
        ("+15551234567", "<sip:+15551234567@carrier.example:5080>"),
        ("200", "<sip:200@carrier.example:5080>"),
        ("sip:bob@example.com", "<sip:bob@example.com>"),
        ("sips:bob@example.com:5061;transport=tls", "<sips:bob@example.com:5061;transport=tls>"),
        ("SIP:+1555@[2001:db8::1]:5060;user=phone", "<SIP:+1555@[2001:db8::1]:5060;user=phone>"),
    ],
)
def test_a_destination_becomes_a_uri(to: str, uri: str) -> None:
    assert refer_to(to) == uri


@pytest.mark.parametrize(
    ("to", "uri"),
    [
        ("+15551234567", "<tel:+15551234567>"),
        ("200", "<sip:200@carrier.example>"),  # RFC 3966 section 5.1.5: a local number needs a context
        ("sip:+1555@example.com", "<sip:+1555@example.com>"),
    ],
)
def test_a_number_may_be_sent_as_a_tel_uri(to: str, uri: str) -> None:
    variables = refer_variables(TransferRequest(to=to), default_host="carrier.example", number_format="tel")
    assert variables["ARI_AGENT_REFER_TO"] == uri


def test_a_tel_uri_needs_no_host_and_carries_no_headers() -> None:
    assert refer_variables(TransferRequest(to="+1555"), default_host=None, number_format="tel")
    with pytest.raises(InvalidTransferTarget, match="a tel: URI carries none"):
        refer_variables(TransferRequest(to="+1555", headers={"X-A": "1"}), default_host="a.b", number_format="tel")


def test_headers_are_embedded_and_escaped() -> None:
    uri = refer_to("+1555", {"X-Foo": 'a&b=c, "d"; <e>?${f}|+', "User-To-User": "3132;encoding=hex"})
    assert uri == (
        "<sip:+1555@carrier.example:5080?X-Foo=a%26b%3Dc%2C%20%22d%22%3B%20%3Ce%3E%3F%24%7Bf%7D%7C%2B"
        "&User-To-User=3132%3Bencoding%3Dhex>"
    )


@pytest.mark.parametrize("host", [None, "", "a b", "a>", "a;x", "a,b", "a@b", "${x}", "h:99999999"])
def test_a_bare_number_needs_a_host(host: str | None) -> None:
    with pytest.raises(InvalidTransferTarget, match="SIP URI"):
        refer_to("+1555", host=host)


def test_a_refer_to_longer_than_asterisk_carries_is_refused() -> None:
    headers = {f"X-{number}": "ü" * 512 for number in range(2)}
    with pytest.raises(InvalidTransferTarget, match=str(MAX_REFER_TO_BYTES)):
        refer_to("+1555", headers)


@pytest.mark.parametrize(
    ("referred_by", "sent"),
    [
        ("<sip:+15550002222@pbx.example>", "<sip:+15550002222@pbx.example>"),
        ('"Bob" <sip:bob@pbx.example:5080;transport=tcp>;tag=1', "<sip:bob@pbx.example:5080>"),
        ("sip:pbx.example", "<sip:pbx.example>"),
        ("tel:+1555", ""),
        ("<sip:a b@pbx.example>", ""),
        ("<sip:bob@pbx.example\r\nX-Evil: 1>", ""),
        (None, ""),
    ],
)
def test_referred_by_is_a_plain_uri_of_ours_or_left_to_asterisk(referred_by: str | None, sent: str) -> None:
    variables = refer_variables(TransferRequest(to="sip:a@b"), default_host=None, referred_by=referred_by)
    assert variables["SIPREFERREDBYHDR"] == sent


_values = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=100)


@given(
    to=st.from_regex(r"\+[1-9][0-9]{6,14}|sip:[a-z0-9.+]{1,20}@[a-z]{1,10}\.example", fullmatch=True),
    headers=st.dictionaries(st.from_regex(r"X-[A-Za-z0-9]{1,10}", fullmatch=True), _values, max_size=3),
)
def test_headers_read_back_and_nothing_else_can_be_in_the_uri(to: str, headers: dict[str, str]) -> None:
    try:
        request = TransferRequest(to=to, headers=headers)
        uri = refer_to(to, headers)
    except (ValidationError, InvalidTransferTarget):
        return
    assert request.to == to
    assert re.fullmatch(r"<[A-Za-z0-9:@.+?&=%!*_~;-]+>", uri)
    _, _, query = uri[1:-1].partition("?")
    assert dict(parse_qsl(query.replace("+", "%2B"), keep_blank_values=True, encoding="utf-8")) == headers


@given(st.text())
def test_no_host_or_own_uri_can_inject(text: str) -> None:
    try:
        variables = refer_variables(TransferRequest(to="+1555"), default_host=text, referred_by=f"sip:{text}")
    except InvalidTransferTarget:
        return
    for value in variables.values():
        assert re.fullmatch(r"(<[A-Za-z0-9:@.+!*_~\[\]-]+>)?", value)


@pytest.mark.parametrize(
    ("args", "status", "sip_status", "message"),
    [
        (["refer", "SUCCESS", "0"], "succeeded", 200, None),
        (["SUCCESS", "0"], "succeeded", 200, None),
        (["SUCCESS", "202"], "succeeded", 202, None),
        (["refer", "FAILURE", "486"], "failed", 486, "the destination is busy"),
        (["FAILURE", "603"], "failed", 603, "the transfer was declined"),
        (["FAILURE", "408"], "failed", 408, "the far end did not say in time how the transfer went"),
        (["FAILURE", "477"], "failed", 477, "the transfer was refused or failed"),
        (["FAILURE", "0"], "failed", None, "the transfer was refused or failed"),
        (["UNSUPPORTED", ""], "failed", None, "the channel cannot be transferred"),
        (["refer"], "failed", None, "the dialplan reported ''"),
        ([], "failed", None, "the dialplan reported ''"),
        (["FAILURE", "4860"], "failed", None, "the transfer was refused or failed"),
    ],
)
def test_the_outcome_says_how_it_went(args: list[str], status: str, sip_status: int | None, message: str) -> None:
    outcome = parse_outcome(args)
    assert (outcome.status, outcome.sip_status, outcome.message) == (status, sip_status, message)


@given(st.lists(st.text()))
def test_no_arguments_crash_the_outcome(args: list[str]) -> None:
    assert isinstance(parse_outcome(args), TransferOutcome)


@pytest.mark.parametrize(
    ("reported", "status", "sip_status"),
    [
        (("SUCCESS", "0"), "succeeded", 200),
        (("FAILURE", "0"), "succeeded", None),
        (("FAILURE", "487"), "failed", 487),
        (None, "succeeded", None),
    ],
    ids=["NOTIFY 200 before it", "no NOTIFY", "NOTIFY 487 before it", "Asterisk tells nothing"],
)
def test_what_a_bye_during_a_transfer_means(
    reported: tuple[str, str] | None, status: str, sip_status: int | None
) -> None:
    outcome = outcome_after_bye(parse_outcome(reported) if reported else None)
    assert (outcome.status, outcome.sip_status) == (status, sip_status)
