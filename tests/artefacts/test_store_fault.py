"""What is told of a bucket that refuses something: whose fault it is, on one line, and no secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.artefacts.store_fault import StoreTrouble, store_fault

XML = '<?xml version="1.0" encoding="utf-8"?>\n'
RETRIES = "after 3 retries, max_retries: 3, retry_timeout: 60s "


def answered(method: str, host: str, status: str, body: str) -> str:
    """The text of obstore 0.12 for an answer of a server."""
    url = f"http://{host}/calls/a?sig=hush"
    refused = f"Error performing {method} {url} in 6.6ms - Server returned non-2xx status code: {status}: {body}"
    return f'{refused}\n\nDebug source:\nNotFound {{\n    path: "a",\n    source: RetryError(hush)}}'


def coded(status: str, code: str) -> str:
    return answered("PUT", "s", status, f"{XML}<Error><Code>{code}</Code><Message>hush</Message></Error>")


NO_KEYS = "Generic GCS error: Error performing token request: " + answered(
    "GET", "169.254.169.254", "403 Forbidden", "denied"
)


@pytest.mark.parametrize(
    ("text", "trouble", "what"),
    [
        # Of moto 5 and azurite 3.37.
        (coded("404 Not Found", "NoSuchBucket"), StoreTrouble.NO_BUCKET, "no such bucket or container (404 NoSuch"),
        (coded("404 Not Found", "ContainerNotFound"), StoreTrouble.NO_BUCKET, "(404 ContainerNotFound at s)"),
        (coded("404 Not Found", "NoSuchKey"), StoreTrouble.NO_OBJECT, "there is no such object (404 NoSuchKey at s)"),
        (
            "Object at location a not found: Bulk delete request failed for key a: The specified blob does not exist."
            " (code: 404)",
            StoreTrouble.NO_OBJECT,
            "there is no such object",
        ),
        (
            "Object at location a not found: Bulk delete request failed for key a: The specified container does not"
            " exist. (code: 404)",
            StoreTrouble.NO_BUCKET,
            "there is no such bucket or container",
        ),
        (answered("HEAD", "s", "404 Not Found", ""), StoreTrouble.NO_OBJECT, "there is no such object (404 at s)"),
        (coded("403 Forbidden", "AuthorizationFailure"), StoreTrouble.REFUSED, "refused, or lack the right"),
        (answered("HEAD", "s:1", "403 Forbidden", ""), StoreTrouble.REFUSED, "(403 at s:1)"),
        (coded("403 Forbidden", "AccessDenied"), StoreTrouble.NO_RIGHT, "lack the right to that (403 AccessDenied"),
        (coded("403 Forbidden", "SignatureDoesNotMatch"), StoreTrouble.WRONG_CREDENTIALS, "credentials are refused (4"),
        (answered("GET", "s", "401 Unauthorized", ""), StoreTrouble.WRONG_CREDENTIALS, "are refused (401 at s)"),
        (coded("403 Forbidden", "RequestTimeTooSkewed"), StoreTrouble.CLOCK, "clock is wrong"),
        (coded("301 Moved Permanently", "PermanentRedirect"), StoreTrouble.REGION, "in another region (301 Perm"),
        (coded("400 Bad Request", "InvalidHeaderValue"), StoreTrouble.ANSWER, "refuses that (400 InvalidHeaderValue"),
        (coded("503 Slow Down", "SlowDown"), StoreTrouble.UNAVAILABLE, "does not serve now (503 SlowDown at s)"),
        (NO_KEYS, StoreTrouble.NO_CREDENTIALS, "no credentials are set, and this machine has none"),
        (
            f"Generic S3 error: Error performing PUT http://id:hush@h:1/b/a in 1s, {RETRIES} - HTTP error: error"
            " sending request",
            StoreTrouble.UNREACHABLE,
            "the server is not reached (at h:1)",
        ),
        ("rust future panicked: unknown error", StoreTrouble.NO_REQUEST, "no request can be made of the settings"),
        ("No space left on device (os error 28)\nwhile writing", StoreTrouble.OTHER, "No space left on device (os err"),
        (
            'Generic GCS error: GCP credential error: invalid type: string "hush", a map\n\nDebug source:\nhush',
            StoreTrouble.OTHER,
            "GCP credential error: invalid type: string ..., a map",
        ),
        (
            "Unable parse source url. Url: ftp://me:hush@x",
            StoreTrouble.OTHER,
            "Unable parse source url. Url: ftp://...",
        ),
        ("", StoreTrouble.OTHER, "it does not say why"),
    ],
)
def test_what_a_server_said_is_told_in_words(text: str, trouble: StoreTrouble, what: str) -> None:
    fault = store_fault(text)
    assert fault.trouble is trouble
    assert what in fault.what
    assert "\n" not in fault.what
    assert "hush" not in fault.what + fault.remedy
    assert fault.remedy


@given(st.text())
def test_no_text_is_more_than_one_line(text: str) -> None:
    assert len(store_fault(text).what.splitlines()) == 1
