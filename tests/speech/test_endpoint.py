"""Where a provider is reached, and what is said of its failures."""

from __future__ import annotations

import errno
import ssl

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.attempts import AttemptFailed
from ari_agent.speech.endpoint import (
    Endpoint,
    decoded,
    failures,
    http_session,
    may_pass,
    printable,
    reason,
    refuses_key,
)

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
    except SpeechUnavailable as error:
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
    ("error", "says", "again"),
    [
        (aiohttp.InvalidURL("http://secret@"), "http://host is not a URL that a request can be sent to", False),
        (ValueError("odd\nmore"), "http://host failed: odd", False),
        (ValueError(), "http://host failed: ValueError", False),
        (aiohttp.ClientPayloadError("secret"), "http://host: the connection was lost in the middle of the audio", True),
        (aiohttp.ServerDisconnectedError("secret"), "http://host failed: ServerDisconnectedError", True),
        (ConnectionResetError("secret"), "http://host failed: ConnectionResetError", True),
        (RuntimeError("secret"), "http://host failed: RuntimeError", True),
    ],
)
def test_every_failure_is_one_line_without_what_was_sent(error: Exception, says: str, again: bool) -> None:
    with pytest.raises(AttemptFailed) as failed, failures("http://host"):
        raise error
    assert str(failed.value) == says and failed.value.again is again


@pytest.mark.parametrize(("status", "again"), [(400, False), (401, False), (500, True), (503, True)])
def test_a_refused_handshake_is_told_by_its_status(status: int, again: bool) -> None:
    handshake = aiohttp.WSServerHandshakeError(None, (), status=status)  # type: ignore[arg-type]
    with pytest.raises(AttemptFailed, match=f"answered {status}, expected 101") as failed, failures("http://host"):
        raise handshake
    assert failed.value.again is again


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(errno.ECONNREFUSED, "Connect call failed"), "Connection refused"),
        (OSError(99999, "odd"), "odd"),
        (OSError(), "no connection"),
    ],
)
def test_a_server_that_is_away_is_told_in_the_systems_words(error: OSError, why: str) -> None:
    with pytest.raises(AttemptFailed) as failed, failures("http://host"):
        raise aiohttp.ClientConnectorError(None, error)  # type: ignore[arg-type]
    assert str(failed.value) == f"http://host is not reachable: {why}"


def test_a_certificate_that_is_not_valid_is_not_tried_again() -> None:
    with pytest.raises(AttemptFailed, match="its certificate is not valid") as failed, failures("https://host"):
        raise aiohttp.ClientConnectorCertificateError(
            aiohttp.client_reqrep.ConnectionKey("host", 443, True, True, None, None, None),
            ssl.SSLCertVerificationError("self-signed certificate"),
        )
    assert not failed.value.again


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


@given(st.text(max_size=1000))
def test_what_a_provider_says_is_one_short_line(text: str) -> None:
    said = printable(text, secret=None)
    assert len(said) <= 300 and (said.isprintable() or not said)


def test_audio_that_is_no_base64_is_a_failure() -> None:
    assert decoded("AAE=") == b"\0\1"
    for wrong in ("AAE", "\u00e4", "A A="):
        with pytest.raises(AttemptFailed, match="no base64"):
            decoded(wrong)


async def test_a_session_carries_its_headers_and_no_cookies() -> None:
    async with http_session({"Authorization": "Bearer key"}) as session:
        assert session.headers["Authorization"] == "Bearer key"
        assert isinstance(session.cookie_jar, aiohttp.DummyCookieJar)
