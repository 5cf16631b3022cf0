"""The signature against the published vector and against an independent copy of the SDK's rules."""

from __future__ import annotations

import hashlib
import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.webhooks.signature import FRESH_FOR_MS, sign, verify

KEY = "key_test_123"
BODY = b'{"event":"call_ended","call":{"call_id":"call_test"}}'
NOW_MS = 1_760_000_000_000
DIGEST = "8cdfd0ef70721108e8ce8c8f0e5971dca3229663daf8d0000f4c5dc98999ca52"


def sdk_verify(body: str, api_key: str, signature: str, now_ms: int) -> bool:
    """As the Python SDK 6.2.13 does it, written from its rules and not from our code."""
    match = re.fullmatch(r"v=(\d+),d=([0-9a-f]{64})", signature)
    if not match:
        return False
    stamp, digest = match.groups()
    if abs(now_ms - int(stamp)) > 5 * 60 * 1000:
        return False
    wanted = hmac.new(bytes(api_key, "utf-8"), bytes(body + stamp, "utf-8"), hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, digest)


def test_signs_the_published_vector() -> None:
    assert sign(BODY, KEY, NOW_MS) == f"v={NOW_MS},d={DIGEST}"


@given(st.text(), st.text(min_size=1), st.integers(0, 2**53), st.integers(-FRESH_FOR_MS, FRESH_FOR_MS))
def test_the_sdk_and_we_accept_what_we_sign(body: str, key: str, now_ms: int, age_ms: int) -> None:
    body, key = (text.encode("utf-8", "replace").decode() for text in (body, key))
    header = sign(body.encode(), key, now_ms)
    assert sdk_verify(body, key, header, now_ms + age_ms)
    assert verify(body.encode(), key, header, now_ms + age_ms)


@given(st.one_of(st.text(), st.from_regex(r"v=\d{1,30},d=[0-9a-fA-F]{60,66} ?")), st.integers(0, 2**53))
def test_no_header_crashes_the_verifier(header: str, now_ms: int) -> None:
    assert verify(BODY, KEY, header, now_ms) is False


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"v={NOW_MS},d={DIGEST.upper()}",
        f"v={NOW_MS}, d={DIGEST}",
        f"v={NOW_MS},d={DIGEST}\n",
        f"v={NOW_MS},d={DIGEST[:-1]}",
        f"v={NOW_MS + 1},d={DIGEST}",
        f"d={DIGEST},v={NOW_MS}",
        f"v=١٧٦٠٠٠٠٠٠٠٠٠٠,d={DIGEST}",
    ],
)
def test_a_header_that_differs_in_anything_is_refused(header: str) -> None:
    assert not verify(BODY, KEY, header, NOW_MS)


def test_another_body_or_key_is_refused() -> None:
    header = sign(BODY, KEY, NOW_MS)
    assert not verify(BODY + b" ", KEY, header, NOW_MS)
    assert not verify(BODY, KEY + "4", header, NOW_MS)


@pytest.mark.parametrize(("age_ms", "fresh"), [(300_000, True), (300_001, False), (-300_000, True), (-300_001, False)])
def test_a_signature_is_fresh_for_five_minutes_both_ways(age_ms: int, fresh: bool) -> None:
    assert verify(BODY, KEY, sign(BODY, KEY, NOW_MS), NOW_MS + age_ms) is fresh
