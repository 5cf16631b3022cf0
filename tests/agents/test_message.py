from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.agents.message import MAX_MARK_NAME_CHARACTERS, Mark, read_mark, read_object, write_object
from ari_agent.errors import AgentCorruptPayload

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.binary())
def test_any_bytes_are_an_object_or_corrupt(text: bytes) -> None:
    try:
        assert isinstance(read_object(text), dict)
    except AgentCorruptPayload as error:
        assert str(error).startswith("the agent sent a corrupt message: a text message is ")


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_what_is_written_reads_back(message: dict[str, object]) -> None:
    assert read_object(write_object(message)) == message


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"[1]",
        b'"clear"',
        b"null",
        b"{",
        b"[" * 100_000,
        b'{"a":NaN}',
        b'{"a":' + b"9" * 5000,
        b"\xef\xbb\xbf{}",
    ],
    ids=["empty", "not-utf8", "array", "string", "null", "cut", "deep", "nan", "long-number", "byte-order-mark"],
)
def test_text_that_is_no_json_object_is_corrupt(text: bytes) -> None:
    with pytest.raises(AgentCorruptPayload):
        read_object(text)


def test_a_mark_has_a_name_of_bounded_length() -> None:
    longest = "n" * MAX_MARK_NAME_CHARACTERS
    assert read_mark({"mark": {"name": longest}}) == Mark(longest)
    for mark in ({"name": longest + "n"}, {"name": 7}, {}, None, "name", ["name"]):
        with pytest.raises(AgentCorruptPayload, match=r"mark\.name"):
            read_mark({"mark": mark})


def test_text_beyond_ascii_is_written_in_ascii() -> None:
    written = write_object({"city": "Zürich \u2028 😀"})
    assert written.isascii()
    assert json.loads(written) == {"city": "Zürich \u2028 😀"}
