"""Cookies, tokens and login codes: what is taken, and for how long."""

from __future__ import annotations

import pytest

from ari_agent.console.login.login_session import LoginSession, LoginSigner, Role

SIGNER = LoginSigner.of_keys("key_1")
SESSION = LoginSession(Role.READER, 1000, "id-1_x")


def test_a_cookie_is_read_back_until_it_expires() -> None:
    assert SIGNER.session(SIGNER.cookie(SESSION), now_s=999) == SESSION
    assert SIGNER.session(SIGNER.cookie(SESSION), now_s=1000) is None


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "admin.1000.id",
        "...",
        "admin.9999999999.id-1_x." + "A" * 43,
        SIGNER.cookie(SESSION).replace("reader", "admin"),
        SIGNER.cookie(SESSION).replace("1000", "2000"),
        LoginSigner.of_keys("key_2").cookie(SESSION),
        SIGNER.login_code("id-1_x", expires_s=1000),
        "\ud800" + SIGNER.cookie(SESSION),
        "x" * 5000,
    ],
)
def test_a_cookie_that_was_not_made_here_is_none(cookie: str) -> None:
    assert SIGNER.session(cookie, now_s=0) is None


def test_a_token_belongs_to_one_login() -> None:
    other = LoginSession(Role.READER, 1000, "id-2")
    assert SIGNER.is_csrf_token(SESSION, SIGNER.csrf_token(SESSION))
    assert not SIGNER.is_csrf_token(SESSION, SIGNER.csrf_token(other))
    assert not SIGNER.is_csrf_token(SESSION, "")


def test_a_login_code_is_good_for_its_time_and_is_no_cookie() -> None:
    code = SIGNER.login_code("nonce-1", expires_s=1000)
    assert SIGNER.nonce(code, now_s=999) == "nonce-1"
    assert SIGNER.nonce(code, now_s=1000) is None
    assert SIGNER.nonce(SIGNER.cookie(SESSION), now_s=0) is None


def test_the_key_is_not_shown_and_only_an_admin_may_change_things() -> None:
    assert "key" not in repr(SIGNER)
    assert [LoginSession(role, 1, "x").may_change for role in Role] == [True, False]
