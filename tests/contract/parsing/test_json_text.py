from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.contract.parsing.json_text import MalformedJson, parse_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(value=values)
def test_what_is_written_reads_back(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


@given(raw=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_crash_and_all_that_is_read_is_text_again(raw: bytes) -> None:
    try:
        value = parse_json(raw)
    except MalformedJson as error:
        assert "\n" not in str(error)
    else:
        json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'"\xff"', "not valid UTF-8: byte 1 is 0xff"),
        (b"NaN", "not valid JSON"),
        (b"Infinity", "not valid JSON"),
        (b'"\\ud800"', "not valid JSON"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        (b"[" * 300, "recursion limit"),
        (b"{} {}", "trailing characters"),
    ],
)
def test_what_could_not_be_written_again_is_refused(raw: bytes, said: str) -> None:
    with pytest.raises(MalformedJson, match=said):
        parse_json(raw)
