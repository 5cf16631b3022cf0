"""Where a provider is reached, and what it says of a failure."""

from __future__ import annotations

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.endpoint import Endpoint, http_session, may_pass, printable, reason, refuses_key, without_secret
from ari_agent.errors import ConfigurationError

URL = "wss://me:p%40ss@API.eu.example.com:8443/v1/?region=eu"


def test_an_endpoint_keeps_its_query_and_hides_its_login() -> None:
    endpoint = Endpoint.of(URL, setting="ARI_AGENT_X")
    assert endpoint.base.lower() == "https://api.eu.example.com:8443/v1"
    assert endpoint.url("/models").endswith("/v1/models?region=eu")
    assert endpoint.url("/listen", "model=a").endswith("/v1/listen?region=eu&model=a")
    assert Endpoint.of("http://host", setting="X").url("/a", "b=c") == "http://host/a?b=c"
    assert "region" not in repr(endpoint) and "Basic" not in repr(endpoint)


@pytest.mark.parametrize(
    ("domain", "is_of"),
    [
        ("example.com", True),
        ("eu.example.com", True),
        ("api.eu.example.com", True),
        ("ample.com", False),
        ("com.x", False),
    ],
)
def test_a_host_lies_in_its_domains(domain: str, is_of: bool) -> None:
    assert Endpoint.of(URL, setting="X").is_of(domain) is is_of


def test_a_key_takes_the_place_of_the_login() -> None:
    endpoint = Endpoint.of(URL, setting="X")
    assert endpoint.headers({"Authorization": "Bearer key"}) == {"Authorization": "Bearer key"}
    assert endpoint.headers({"xi-api-key": "key"}).keys() == {"Authorization", "xi-api-key"}
    assert endpoint.headers({})["Authorization"].startswith("Basic ")
    assert Endpoint.of("http://host", setting="X").headers({}) == {}


@given(st.text(max_size=100))
def test_any_text_is_an_endpoint_or_names_its_setting(text: str) -> None:
    try:
        endpoint = Endpoint.of(text, setting="ARI_AGENT_X")
    except ConfigurationError as error:
        assert str(error) == "ARI_AGENT_X must be a URL like https://host/v1"
    else:
        assert endpoint.base.startswith(("http://", "https://")) and endpoint.host


@pytest.mark.parametrize(
    ("status", "key", "passes"),
    [
        *((status, True, False) for status in (401, 403)),
        *((status, False, False) for status in (302, 400, 404)),
        *((status, False, True) for status in (408, 429, 500, 503)),
    ],
)
def test_a_status_says_what_to_do(status: int, key: bool, passes: bool) -> None:
    assert (refuses_key(status), may_pass(status)) == (key, passes)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": {"message": "no model for s3cret"}}', "no model for ***"),
        (b'{"detail": "no\\nsuch voice"}', "no such voice"),
        (b'{"detail": {"message": "deep"}}', "deep"),
        (b'{"error": 7}', ""),
        (b'["a"]', ""),
        (b"<html>", ""),
        (b"[" * 100_000, ""),
        (b"\xff", ""),
    ],
)
def test_the_reason_in_an_error_is_found_and_holds_no_key(body: bytes, said: str) -> None:
    assert reason(body, secret="s3cret") == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no key sk-0123456789 here", "no key *** here"),
        ("closed (your key sk-01234)", "closed (your key ***)"),
        ("cut: 'sk-01234", "cut: '***"),
        ("it begins with sk-", "it begins with sk-"),
        ("", ""),
    ],
)
def test_a_secret_and_its_beginning_at_an_end_are_taken_out(text: str, said: str) -> None:
    assert without_secret(text, "sk-0123456789") == said
    assert without_secret(text, "") == text


@given(st.text(max_size=1000))
def test_what_a_provider_says_is_one_short_line(text: str) -> None:
    said = printable(text, secret=None)
    assert len(said) <= 300 and (said.isprintable() or not said)


async def test_a_session_carries_its_headers_and_no_cookies() -> None:
    async with http_session({"Authorization": "Bearer key"}) as session:
        assert session.headers["Authorization"] == "Bearer key"
        assert isinstance(session.cookie_jar, aiohttp.DummyCookieJar)
