"""SIP messages: what is written reads back, and nothing that arrives can break the reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.demo import sip
from ari_agent.demo.sip import MalformedSip, SipMessage

INVITE = (
    b"INVITE sip:+12025550100@127.0.0.1:5060 SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bK1\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK0\r\n"
    b'f: "Bob; tag=no" <sip:bob@example.com>;tag=abc\r\n'
    b"To: <sip:+12025550100@127.0.0.1>\r\n"
    b"i: 42@host\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"Subject: folded\r\n over two lines\r\n"
    b"l: 4\r\n"
    b"\r\n"
    b"v=0\r rest that a wrong peer sent"
)

NAME = st.from_regex(r"[A-Za-z][A-Za-z\-]{0,20}", fullmatch=True).filter(
    lambda name: name.lower() not in ("content-length", "l")
)
VALUE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=40)
START = st.sampled_from(["SIP/2.0 200 OK", "SIP/2.0 486 Busy Here", "BYE sip:a@b SIP/2.0", "REFER sip:c@d SIP/2.0"])


def test_a_request_is_read_with_compact_and_folded_headers() -> None:
    message = sip.parse(INVITE)
    assert (message.method, message.status) == ("INVITE", None)
    assert message.header("Call-ID") == "42@host"
    assert message.all("via") == ["SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bK1", "SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK0"]
    assert message.header("subject") == "folded over two lines"
    assert message.body == b"v=0\r"


def test_a_response_tells_its_status() -> None:
    message = sip.parse(b"SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\n\r\n")
    assert (message.method, message.status) == (None, 180)


@given(START, st.lists(st.tuples(NAME, VALUE), max_size=8), st.binary(max_size=60))
def test_what_is_written_reads_back(start: str, headers: list[tuple[str, str]], body: bytes) -> None:
    message = SipMessage(start, tuple(headers), body)
    assert sip.parse(message.encode()) == message


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda noise: INVITE[:150] + noise + INVITE[150:]))
def test_no_datagram_breaks_the_reader(datagram: bytes) -> None:
    try:
        sip.parse(datagram)
    except MalformedSip as error:
        assert str(error)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\r\n\r\n",
        b"hello\r\n\r\n",
        b"SIP/2.0 200 OK\r\nno colon\r\n\r\n",
        b"SIP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"SIP/2.0 200 OK\r\nContent-Length: five\r\n\r\nabcde",
        b"SIP/2.0 200 OK\r\nX: \xff\r\n\r\n",
        INVITE[:60],
    ],
)
def test_what_is_no_sip_is_refused(datagram: bytes) -> None:
    with pytest.raises(MalformedSip):
        sip.parse(datagram)


def test_a_response_copies_the_headers_of_its_transaction_and_adds_a_tag() -> None:
    answer = sip.response(sip.parse(INVITE), 200, "OK", to_tag="xyz")
    assert answer.all("Via") == sip.parse(INVITE).all("Via")
    assert answer.header("To") == "<sip:+12025550100@127.0.0.1>;tag=xyz"
    assert answer.header("CSeq") == "7 INVITE"


def test_a_tag_that_is_there_stays() -> None:
    request = SipMessage("BYE sip:a@b SIP/2.0", (("To", "<sip:a@b>;tag=mine"),))
    assert sip.response(request, 200, "OK", to_tag="other").header("To") == "<sip:a@b>;tag=mine"


@pytest.mark.parametrize(
    ("header", "uri", "tag", "user"),
    [
        (
            '"Bob; tag=no" <sip:bob@example.com;transport=tcp>;tag=abc',
            "sip:bob@example.com;transport=tcp",
            "abc",
            "bob",
        ),
        ("sip:bob@example.com;tag=abc", "sip:bob@example.com", "abc", "bob"),
        ("<sip:127.0.0.1:5060>", "sip:127.0.0.1:5060", None, ""),
        ("<sips:+1202@host?X-A=b>", "sips:+1202@host?X-A=b", None, "+1202"),
    ],
)
def test_uri_tag_and_user_are_found(header: str, uri: str, tag: str | None, user: str) -> None:
    assert (sip.uri_of(header), sip.tag_of(header), sip.user_of(sip.uri_of(header))) == (uri, tag, user)


def test_the_address_of_an_offer_reads_back() -> None:
    assert sip.audio_address(sip.audio_offer(host="10.1.2.3", port=4000, session_id=1)) == ("10.1.2.3", 4000)


def test_an_address_of_the_audio_itself_outranks_the_sessions() -> None:
    sdp = b"v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP4 10.0.0.2\r\nm=video 4002 RTP/AVP 99\r\n"
    assert sip.audio_address(sdp) == ("10.0.0.2", 4000)


@given(st.binary(max_size=200))
def test_no_sdp_breaks_the_reader(sdp: bytes) -> None:
    try:
        sip.audio_address(sdp)
    except MalformedSip as error:
        assert str(error)


def test_an_answer_without_an_address_is_refused() -> None:
    with pytest.raises(MalformedSip, match="c= line"):
        sip.audio_address(b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n")


def test_headers_are_added_at_the_end() -> None:
    message = SipMessage("SIP/2.0 200 OK", (("Via", "a"),), b"body").with_headers(
        ("Allow", "BYE"), ("Contact", "<sip:c>")
    )
    assert message.headers == (("Via", "a"), ("Allow", "BYE"), ("Contact", "<sip:c>"))
    assert (message.status, message.body) == (200, b"body")
