"""URLs without their secrets."""

from __future__ import annotations

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from ari_agent.contract.parsing.redacted_url import MALFORMED, RedactedUrl, basic_authorization, shown_url


def test_user_and_password_become_a_header_and_the_query_is_dialled_but_not_shown() -> None:
    url = RedactedUrl.of("wss://me:p%40ss@agent.example:8443/a%2Fb?token=hunter2#there")
    assert url.target == "wss://agent.example:8443/a%2Fb?token=hunter2"
    assert url.shown == "wss://agent.example:8443/a%2Fb"
    assert url.authorization == {"Authorization": basic_authorization("me", "p@ss")}
    assert "hunter2" not in repr(url) and "Basic" not in repr(url)


def test_a_url_without_secrets_is_as_it_was() -> None:
    url = RedactedUrl.of("http://[2001:db8::1]:8000/hook")
    assert (url.target, url.shown, url.authorization) == (("http://[2001:db8::1]:8000/hook",) * 2 + ({},))


@pytest.mark.parametrize(("login", "username"), [("me@", "me"), ("me:@", "me"), (":pass@", "")])
def test_half_a_login_is_one(login: str, username: str) -> None:
    url = RedactedUrl.of(f"http://{login}host/")
    password = "pass" if "pass" in login else ""
    assert url.shown == "http://host/"
    assert url.authorization == {"Authorization": basic_authorization(username, password)}


@pytest.mark.parametrize(
    "url", ["", "host/path", "https:///v1", "http://u:secret@host:99999/", "http://u:secret@[::1/", "http:host"]
)
def test_what_is_no_url_of_a_host_is_not_shown_at_all(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        RedactedUrl.of(url)
    assert shown_url(url) == MALFORMED


@given(st.text(max_size=200))
def test_no_text_breaks_what_is_shown(text: str) -> None:
    shown = shown_url(text)
    assert shown == MALFORMED or (URL(shown, encoded=True).user is None and "?" not in shown)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20).filter(lambda name: ":" not in name))
def test_the_header_is_the_one_that_a_library_makes(name: str) -> None:
    assert basic_authorization(name, "päss:word") == aiohttp.encode_basic_auth(name, "päss:word")
