"""What is said of an attempt at speaking that fails on the way to a provider."""

from __future__ import annotations

import errno
import ssl

import aiohttp
import pytest

from ari_agent.speech.attempts import AttemptFailed
from ari_agent.speech.request_failures import decoded, failures


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


def test_audio_that_is_no_base64_is_a_failure() -> None:
    assert decoded("AAE=") == b"\0\1"
    for wrong in ("AAE", "\u00e4", "A A="):
        with pytest.raises(AttemptFailed, match="no base64"):
            decoded(wrong)
