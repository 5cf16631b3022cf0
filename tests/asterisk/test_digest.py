"""Digest answers against the examples of RFC 2617 and RFC 7616."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.asterisk import digest
from ari_agent.asterisk.digest import UnknownChallenge


def _answer(challenge: str, *, password: str = "Circle Of Life", nonce: str = "0a4f113b") -> str:
    return digest.answer(
        challenge, username="Mufasa", password=password, method="GET", uri="/dir/index.html", client_nonce=nonce
    )


def _proof(answer: str) -> str:
    match = re.search(r'response="([0-9a-f]+)"', answer)
    assert match
    return match[1]


def test_the_example_of_rfc_2617() -> None:
    challenge = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    answer = _answer(challenge)
    assert _proof(answer) == "6629fae49393a05397450978507c4ef1"
    assert 'opaque="5ccc069c403ebaf9f0171e9517f40e41"' in answer


def test_the_sha_256_example_of_rfc_7616() -> None:
    challenge = (
        'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    answer = _answer(challenge, password="Circle of Life", nonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
    assert _proof(answer) == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"


def test_a_server_without_qop_gets_the_older_answer() -> None:
    assert "cnonce" not in _answer('Digest realm="asterisk",nonce="1/2"')


@pytest.mark.parametrize(
    "challenge",
    ["", "Basic realm=x", 'Digest realm="x"', 'Digest nonce="x", algorithm=SHA-1', 'Digest nonce="x", qop="auth-int"'],
)
def test_what_cannot_be_answered_is_refused(challenge: str) -> None:
    with pytest.raises(UnknownChallenge):
        _answer(challenge)


@given(st.text(max_size=200) | st.text(max_size=100).map(lambda noise: f'Digest nonce="a", {noise}'))
def test_no_challenge_breaks_it(challenge: str) -> None:
    try:
        assert _answer(challenge).startswith("Digest ")
    except UnknownChallenge as error:
        assert str(error)


GUESSED = (
    'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", response="{}", algorithm=MD5'
)
MESSAGE = "GET sip:pbx SIP/2.0\r\nVia: x\r\nauthorization : {}\r\nContent-Length: 4\r\n\r\nAuthorization: {}\r\n"


def _with_password(message: str) -> str:
    return digest.with_password(message, username="Mufasa", password="Circle Of Life")


def test_the_proof_of_the_password_takes_the_place_of_a_guess_and_nothing_else_changes() -> None:
    wrong, right = GUESSED.format("0" * 32), GUESSED.format("6629fae49393a05397450978507c4ef1")
    assert _with_password(MESSAGE.format(wrong, wrong)) == MESSAGE.format(right, wrong)


@pytest.mark.parametrize(
    "credentials",
    ["Basic TXVmYXNhOkNpcmNsZQ==", GUESSED.replace("Mufasa", "Scar"), GUESSED.replace("MD5", "SHA-1"), "", "Digest"],
)
def test_credentials_of_another_kind_or_user_are_left_alone(credentials: str) -> None:
    message = MESSAGE.format(credentials, "")
    assert _with_password(message) == message


@given(st.text(max_size=300) | st.text(max_size=100).map(lambda noise: MESSAGE.format(GUESSED + noise, "")))
def test_no_message_breaks_it_and_its_other_lines_stay(message: str) -> None:
    changed = _with_password(message)
    kept = [line for line in message.split("\r\n") if not line.lower().startswith("authorization")]
    assert [line for line in changed.split("\r\n") if not line.lower().startswith("authorization")] == kept
    assert "Circle Of Life" not in changed or "Circle Of Life" in message


def test_a_long_line_of_nothing_is_soon_read() -> None:
    message = MESSAGE.format("Digest " + "a" * 60_000, "")
    assert _with_password(message) == message
