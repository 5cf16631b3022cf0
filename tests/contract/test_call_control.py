"""What may be asked of a running call: destinations, headers, digits and causes; nothing that could inject."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferOutcome, TransferRequest
from ari_agent.contract.destination import is_extension, read_destination


def refusal(model: type[TransferRequest | HangupRequest | DtmfRequest], body: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as error:
        model.model_validate(body)
    return str(error.value)


@pytest.mark.parametrize(
    "to",
    [
        "+15551234567",
        "+442071838750",
        "15551234567",
        "200",
        "0",
        "sip:bob@example.com",
        "sips:bob@example.com",
        "SIP:Bob.Smith-1@Example.COM",
        "sip:+15551234567@192.0.2.1:5080",
        "sip:+15551234567@carrier.example;user=phone",
        "sip:bob@example.com;transport=tcp;user=phone",
        "sip:bob@example.com:5061;transport=TLS",
        "sip:bob@[2001:db8::1]:5060",
        "sip:example.com",
        "sip:bob%20smith@example.com",
        "sip:*43@pbx.example",
    ],
)
def test_a_destination_is_a_number_or_a_sip_uri(to: str) -> None:
    assert TransferRequest(to=to).to == to


@pytest.mark.parametrize("to", ["  +15551234567 ", "\t200"])
def test_blanks_round_a_destination_are_dropped(to: str) -> None:
    assert TransferRequest(to=to).to == to.strip()


@pytest.mark.parametrize(
    ("to", "meant"),
    [
        ("tel:+12025550199", "+12025550199"),
        ("TEL:+1-202-555-0199", "+12025550199"),
        ("tel:101;phone-context=pbx.example.com", "101"),
        ("+1 (202) 555-0199", "+12025550199"),
        ("+1\u00a0202\u202f555.0199", "+12025550199"),
        ("202-555-0199", "2025550199"),
        ("(202) 555-0199", "2025550199"),
        ("+44 (0)20 7946 0000", "+442079460000"),
        ("200@pbx", "sip:200@pbx"),
        ("bob@example.com:5080;transport=tcp", "sip:bob@example.com:5080;transport=tcp"),
        ("sip: +1 (202) 555-0199 @pbx", "sip:+12025550199@pbx"),
        ("sips:bob-1.2@pbx", "sips:bob-1.2@pbx"),
    ],
)
def test_a_destination_comes_in_every_spelling_that_people_use(to: str, meant: str) -> None:
    assert TransferRequest(to=to).to == meant


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("", "the destination is empty"),
        ("   ", "the destination is empty"),
        ("+15551234567\r\nX-Evil: 1", r"'\\r' is not allowed"),
        ("+15551234567\n", r"'\\n' is not allowed"),
        ("sip:a@b>", "'>' is not allowed"),
        ("<sip:a@b", "'<' is not allowed"),
        ("sip:a@b,sip:c@d", "',' is not allowed"),
        ("PJSIP/a&PJSIP/b", "'/' is not allowed"),
        ("sip:a&b@c", "'&' is not allowed"),
        ("sip:a|b@c", r"'\|' is not allowed"),
        ("sip:a@b?Replaces=1", r"'\?' is not allowed"),
        ('"Bob" sip:a@b', "'\"' is not allowed"),
        ("sip:a'b@c", '"\'" is not allowed'),
        ("${SHELL(id)}", r"'\$' is not allowed"),
        ("sip:a(b)@c", r"'\(' is not allowed"),
        ("sip:a\\b@c", "is not allowed"),
        ("sip:a b@c", "' ' is not allowed"),
        ("sip:bob@ex\u00e4mple.com", "'\u00e4' is not allowed"),
        ("sip:\u212aelvin@example.com", "is not allowed"),
        ("sip:a@b;method=INVITE", "is no destination"),
        ("sip:a@b;lr", "is no destination"),
        ("sip:a@b;maddr=1.2.3.4", "is no destination"),
        ("sip:a@b;transport=ws", "is no destination"),
        ("sip:a@b;", "is no destination"),
        ("sip:a:secret@b", "is no destination"),
        ("sip:a@b@c", "is no destination"),
        ("sip:a@b:0", "is no destination"),
        ("sip:a@b:65536", "is no destination"),
        ("sip:", "is no destination"),
        ("sip:@b", "is no destination"),
        ("sip:a@-b", "is no destination"),
        ("sip:a@b..c", "is no destination"),
        ("sip:%0d%0aX@b", "is no destination"),
        ("sip:%00@b", "is no destination"),
        ("sip:%7f@b", "is no destination"),
        ("sip:%zz@b", "is no destination"),
        ("http://example.com", "'/' is not allowed"),
        ("bob", "is no destination"),
        ("+0555", "is no destination"),
        ("tel:+15551234567;ext=12", "is no destination: .* `extension`, with mode sip_invite"),
        ("tel:bob", "is no destination"),
        ("2025550199 x 12", "into `extension`, with mode sip_invite"),
        ("+1 (202) 555-0199,,123#", "into `extension`, with mode sip_invite"),
        ("+12025550199p123", "into `extension`, with mode sip_invite"),
        ("202-555-0199 ext. 12", "into `extension`, with mode sip_invite"),
        ("tel:+12025550199;postd=pp22", "into `extension`, with mode sip_invite"),
        ("PJSIP/200", "write 200, or sip:200@ and the host of your PBX"),
        ("Local/desk-1", "write desk-1, or sip:desk-1@ and the host of your PBX"),
        ("a@b@c", "is no destination"),
        ("sip:+1 555\n1234@b", r"'\\n' is not allowed|' ' is not allowed"),
        ("+1234567890123456", "is no destination"),
        ("+", "is no destination"),
        ("sip:" + "a" * 300 + "@b", "at most 256 characters"),
    ],
)
def test_whatever_could_reach_further_is_refused_with_what_would_be_right(to: str, said: str) -> None:
    message = refusal(TransferRequest, {"to": to})
    assert re.search(said, message)
    assert "such as +15551234567" in message or "256" in message


@pytest.mark.parametrize("to", [None, 15551234567, ["+15551234567"], {"number": "+15551234567"}])
def test_a_destination_is_text(to: object) -> None:
    assert "valid string" in refusal(TransferRequest, {"to": to})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Account": "12"},
        {"x-a.b_c-d": ""},
        {"User-To-User": "3132;encoding=hex", "X-Name": 'J\u00fcrgen "J" <a&b=c>, 100 % ${x}'},
        {"X-Long": "v" * 1024},
        {f"X-{number}": "1" for number in range(16)},
    ],
)
def test_headers_with_any_printable_value_are_carried(headers: dict[str, str]) -> None:
    assert TransferRequest(to="200", headers=headers).headers == headers


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Subject": "x"}, "expected a name like X-Account, or User-To-User"),
        ({"X-": "x"}, "expected a name like"),
        ({"X-A B": "x"}, "expected a name like"),
        ({"X-A\r\nVia": "x"}, "expected a name like"),
        ({"X-A:": "x"}, "expected a name like"),
        ({"X-A=": "x"}, "expected a name like"),
        ({"X-\u212a": "x"}, "expected a name like"),
        ({"X-" + "a" * 63: "x"}, "expected a name like"),
        ({"X-A": "a\r\nVia: b"}, "only printable"),
        ({"X-A": "a\nb"}, "only printable"),
        ({"X-A": "a\x00b"}, "only printable"),
        ({"X-A": "a\x7fb"}, "only printable"),
        ({"X-A": "a\x85b"}, "only printable"),
        ({"X-A": "a\u2028b"}, "only printable"),
        ({"X-A": "v" * 1025}, "at most 1024"),
        ({"X-A": "\u00fc" * 513}, "at most 1024"),
        ({f"X-{number}": "1" for number in range(17)}, "at most 16"),
        ({"X-A": "1", "x-a": "2"}, "same name"),
    ],
)
def test_headers_that_could_become_others_are_refused(headers: dict[str, str], said: str) -> None:
    assert said in refusal(TransferRequest, {"to": "200", "headers": headers})


def test_a_transfer_is_a_refer_unless_said_otherwise() -> None:
    request = TransferRequest.model_validate({"to": "200", "unknown": 1})
    assert (request.mode, request.headers) == ("sip_refer", {})
    assert "sip_invite" in refusal(TransferRequest, {"to": "200", "mode": "blind"})


@pytest.mark.parametrize("cause", [1, 16, 127])
def test_a_hangup_carries_a_q850_cause(cause: int) -> None:
    assert HangupRequest(q850_cause=cause).q850_cause == cause


def test_a_hangup_is_normal_clearing_unless_said_otherwise() -> None:
    assert HangupRequest.model_validate({}).q850_cause == 16


@pytest.mark.parametrize("cause", [0, -1, 128, 486, "busy", None, 1.5])
def test_a_cause_outside_q850_is_refused(cause: object) -> None:
    assert "q850_cause" in refusal(HangupRequest, {"q850_cause": cause})


@pytest.mark.parametrize("digits", ["1", "0123456789*#", "ABCD", "1w2W3", "1" * 64])
def test_digits(digits: str) -> None:
    assert DtmfRequest(digits=digits).digits == digits


@pytest.mark.parametrize("digits", ["", "1" * 65, "E", "a", "1 2", "1\n", "\u0661", "1,2"])
def test_what_is_no_digit_is_refused(digits: str) -> None:
    assert "digits" in refusal(DtmfRequest, {"digits": digits})


def test_requests_do_not_change() -> None:
    request = TransferRequest(to="200")
    for name in TransferRequest.model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(request, name, "300")


def test_an_outcome_is_told_with_what_is_known() -> None:
    outcome = TransferOutcome(status="failed", sip_status=486)
    assert outcome.model_dump(exclude_none=True) == {"status": "failed", "sip_status": 486}


@given(st.text())
def test_no_text_crashes_a_destination_and_none_that_passes_can_inject(text: str) -> None:
    for to in (text, f"sip:{text}@example.com", f"sip:bob@example.com{text}", f"+1555{text}"):
        try:
            request = TransferRequest(to=to)
        except ValidationError:
            continue
        assert re.fullmatch(r"[A-Za-z0-9_.!~*+:;=@%\[\]-]+", request.to)


@given(st.dictionaries(st.text(), st.text(), max_size=4))
def test_no_headers_crash_and_none_that_pass_can_inject(headers: dict[str, str]) -> None:
    for tried in (headers, {f"X-{name}": value for name, value in headers.items()}):
        try:
            request = TransferRequest(to="200", headers=tried)
        except ValidationError:
            continue
        assert request.headers == tried
        for name, value in request.headers.items():
            assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
            assert value.isprintable() or not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", value)


@given(request=st.builds(TransferRequest, to=st.from_regex(r"\+[1-9][0-9]{1,14}", fullmatch=True), headers=st.just({})))
def test_a_request_reads_back(request: TransferRequest) -> None:
    assert TransferRequest.model_validate_json(request.model_dump_json()) == request


VALUES = {
    "desk": "+15551234567",
    "host": "pbx.example.com",
    "pasted": " +1 (202) 555-0199 ",
    "extension": " 200 ",
    "area": "202",
    "evil": "1@a>,<sip:b",
    "line": "a\r\nX-Evil: 1",
}


def filled(to: str, **headers: str) -> TransferRequest:
    def fill(template: str) -> str:
        return re.sub(r"\{\{ *([a-z]+) *\}\}", lambda match: VALUES.get(match[1], match[0]), template)

    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return TransferRequest(to=to, headers=names).filled(fill)


@pytest.mark.parametrize(
    ("to", "meant"),
    [
        ("{{desk}}", "+15551234567"),
        ("{{ desk }}", "+15551234567"),
        ("sip:{{desk}}@{{host}};transport=tcp", "sip:+15551234567@pbx.example.com;transport=tcp"),
        ("+1555", "+1555"),
        ("{{pasted}}", "+12025550199"),
        ("tel:{{pasted}}", "+12025550199"),
        ("sip:{{pasted}}@{{host}}", "sip:+12025550199@pbx.example.com"),
        ("{{extension}}@pbx", "sip:200@pbx"),
        (" +1 {{area}} ", "+1202"),
    ],
)
def test_a_destination_may_name_variables(to: str, meant: str) -> None:
    assert filled(to).to == meant


@pytest.mark.parametrize("to", ["{{nobody}}", "sip:{{evil}}@host", "{{evil}}", "{{line}}", "sip:{{nobody}}@host"])
def test_what_a_variable_stands_for_is_looked_at_like_any_destination(to: str) -> None:
    with pytest.raises(ValidationError, match="such as"):
        filled(to)


@pytest.mark.parametrize("to", ["{{a,b}}", "{{a", "{{}}", "{{${x}}}", "{{a}}>", "bob {{a}}"])
def test_names_of_variables_are_plain(to: str) -> None:
    with pytest.raises(ValidationError, match="such as"):
        TransferRequest(to=to)


def test_headers_may_name_variables() -> None:
    assert filled("100", X_Desk="at {{desk}}, {{nobody}}").headers == {"X-Desk": "at +15551234567, {{nobody}}"}
    with pytest.raises(ValidationError, match="printable"):
        filled("100", X_Desk="{{line}}")


@pytest.mark.parametrize(
    ("destination", "extension"),
    [("1", True), ("101", True), ("123456", True), ("1234567", False), ("+12025550199", False), ("sip:101@pbx", False)],
)
def test_a_short_number_is_an_extension(destination: str, extension: bool) -> None:
    assert is_extension(read_destination(destination)) is extension
