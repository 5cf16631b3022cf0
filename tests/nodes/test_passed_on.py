from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.nodes.passed_on import FRESH_FOR_MS, is_body, is_proven, prove

NOW_MS = 1_760_000_000_000
REQUEST = ("POST", "/v2/stop-call/call_1?x=1")
PROOF = prove(*REQUEST, b'{"cause": 16}', api_key="key_1", nonce="0" * 16, now_ms=NOW_MS)


def test_a_node_with_the_same_api_key_believes_it_for_a_minute() -> None:
    for now_ms in (NOW_MS, NOW_MS + FRESH_FOR_MS, NOW_MS - FRESH_FOR_MS):
        assert is_proven(PROOF, *REQUEST, api_key="key_1", now_ms=now_ms)
    assert is_body(PROOF, b'{"cause": 16}')
    assert "key_1" not in PROOF


@pytest.mark.parametrize(
    ("method", "path", "api_key", "now_ms"),
    [
        ("GET", REQUEST[1], "key_1", NOW_MS),
        ("POST", "/v2/stop-call/call_2?x=1", "key_1", NOW_MS),
        ("POST", "/v2/stop-call/call_1?x=2", "key_1", NOW_MS),
        (*REQUEST, "key_2", NOW_MS),
        (*REQUEST, "key_1", NOW_MS + FRESH_FOR_MS + 1),
        (*REQUEST, "key_1", NOW_MS - FRESH_FOR_MS - 1),
    ],
)
def test_it_proves_nothing_else(method: str, path: str, api_key: str, now_ms: int) -> None:
    assert not is_proven(PROOF, method, path, api_key=api_key, now_ms=now_ms)
    assert not is_body(PROOF, b"")


@given(st.text() | st.from_regex(r"v=[0-9]{1,20},n=[0-9a-f]{16},b=[0-9a-f]{64},d=[0-9a-f]{64}", fullmatch=True))
def test_what_a_stranger_writes_proves_nothing(value: str) -> None:
    assert not is_proven(value, *REQUEST, api_key="key_1", now_ms=NOW_MS)
    assert not is_body(value, b"anything")


def test_a_path_of_a_stranger_may_hold_any_byte() -> None:
    assert not is_proven(PROOF, "GET", "/v2/get-call/x?\udcff", api_key="key_1", now_ms=NOW_MS)
