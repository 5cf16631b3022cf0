"""Which SIP messages of a page reach Asterisk."""

from __future__ import annotations

import pytest

from ari_agent.asterisk.phone_message import invited, why_refused

REGISTER = (
    "REGISTER sip:pbx SIP/2.0\r\n"
    "Via: SIP/2.0/WS a.invalid;branch=z9hG4bK1\r\n"
    'From: "Smith, Ann" <sip:web@pbx>;tag=1\r\n'
    "To: <sip:web@pbx>\r\n"
    'Contact: <sip:x@a.invalid;transport=ws>;+sip.instance="<urn:uuid:1,2>";expires=120\r\n'
    "Content-Length: 0\r\n\r\n"
)
AUTHORIZATION = 'Authorization: Digest username="web", nonce="1"\r\n'


@pytest.mark.parametrize(
    "message",
    [
        REGISTER,
        REGISTER.replace("Content-Length", f"{AUTHORIZATION}Content-Length"),
        REGISTER.replace("From:", "f:").replace("Contact:", "m:"),
        "SIP/2.0 200 OK\r\nFrom: <sip:somebody@else>\r\nContact: <sip:a@b>, <sip:c@d>\r\n\r\n",
        "\r\n\r\n",
        "\r\n",
        "MESSAGE sip:agent@pbx SIP/2.0\r\nFrom: <sip:web@pbx>;tag=1\r\n\r\na line\nof text\n",
    ],
)
def test_what_a_telephone_sends_goes_through(message: str) -> None:
    assert why_refused(message, account="web") is None


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (REGISTER.replace("Content-Length: 0\r\n", f"Content-Length: 0\n\r\n{AUTHORIZATION}"), "lines"),
        (REGISTER.replace("To:", "X: 1\rTo:"), "lines"),
        (REGISTER.replace("To:", "X: 1\r\n folded\r\nTo:"), "lines"),
        (REGISTER.replace("sip:web@pbx>;tag", "sip:trunk@pbx>;tag"), "not from the account"),
        (REGISTER.replace('"Smith, Ann" <sip:web@pbx>', '"<sip:web@pbx>" <sip:trunk@pbx>'), "not from the account"),
        (REGISTER.replace("To:", "From: <sip:web@pbx>\r\nTo:"), "not from the account"),
        (REGISTER.replace("From:", "Fro:"), "not from the account"),
        ("\r\n\r\n" + REGISTER.replace("sip:web@pbx>;tag", "sip:trunk@pbx>;tag"), "not from the account"),
        (REGISTER.replace("To:", f"{AUTHORIZATION}{AUTHORIZATION}To:"), "more than one challenge"),
        (REGISTER.replace("Contact:", "Contact: <sip:far@carrier.example>\r\nm:"), "more than one contact"),
        (REGISTER.replace("Contact:", "Contact: <sip:far@carrier.example>,"), "more than one contact"),
    ],
)
def test_what_no_telephone_sends_does_not(message: str, why: str) -> None:
    assert message != REGISTER
    assert why in (why_refused(message, account="web") or "")


BYE = (
    "BYE sip:asterisk@pbx SIP/2.0\r\n"
    "From: <sip:x@a.invalid>;tag=1\r\n"
    "To: <sip:+14155550100@pbx>;tag=2\r\n"
    "Call-ID: known\r\n\r\n"
)


def test_in_a_call_to_the_page_its_requests_may_be_from_its_contact() -> None:
    invite = "INVITE sip:x@a.invalid SIP/2.0\r\nTo: <sip:x@a.invalid>\r\nCall-ID: known\r\n\r\n"
    assert invited(invite) == "known" and invited(BYE) is None
    for message in (BYE, BYE.replace("BYE", "REFER").replace("Call-ID:", "i:").replace("To:", "t:")):
        assert why_refused(message, account="web", called=["known"]) is None
        assert why_refused(message, account="web", called=["other"])
    for wrong in (
        BYE.replace("BYE", "REGISTER"),
        "\r\n" + BYE.replace("BYE", "REGISTER"),
        BYE.replace("pbx>;tag=2", "pbx>"),
        BYE.replace("<sip:+14155550100@pbx>", '";tag=9" <sip:1@pbx;tag=2>').replace("@pbx;tag=2>;tag=2", "@pbx;tag=2>"),
        BYE.replace("Call-ID:", "Call-ID: unknown\r\nCall-ID:"),
        BYE.replace("To:", "To: <sip:1@pbx>\r\nTo:"),
    ):
        assert wrong != BYE and why_refused(wrong, account="web", called=["known"]), wrong
