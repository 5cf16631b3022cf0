from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.contract.parsing.json_text import MalformedJson, compact_json, parse_json

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


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
# Smaller numbers, and keys that are array indices, are written as JavaScript does and Python does not.
FLOATS = st.floats().filter(lambda number: not 0 < abs(number) < 1e-4)
SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | FLOATS | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


def as_javascript_has_it(value: Any) -> Any:
    """Every number a double, without what JSON cannot say."""
    match value:
        case bool():
            return value
        case int() | float():
            return float(value) if math.isfinite(value) else None
        case dict():
            return {key: as_javascript_has_it(inner) for key, inner in value.items()}
        case list():
            return [as_javascript_has_it(inner) for inner in value]
        case _:
            return value


@given(st.dictionaries(TEXT, VALUES))
def test_every_document_reads_back_and_is_written_again_alike(document: dict[str, Any]) -> None:
    body = compact_json(document)
    read = json.loads(body)
    assert as_javascript_has_it(read) == as_javascript_has_it(document)
    assert json.dumps(read, separators=(",", ":"), ensure_ascii=False).encode() == body


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.1, "0.1"),
        (5.0, "5"),
        (-0.0, "0"),
        (2.0**53, "9007199254740992"),
        (1e16, "10000000000000000"),
        (1.2345678901234568e20, "123456789012345680000"),
        (1e21, "1e+21"),
        (-1.5e300, "-1.5e+300"),
        (1e-4, "0.0001"),
        (5e-05, "0.00005"),
        (-1.25e-06, "-0.00000125"),
        (1e-07, "1e-7"),
        (1.5e-07, "1.5e-7"),
        (5e-324, "5e-324"),
        (-(10**30), "-1" + 30 * "0"),
        (2**60, "1152921504606846976"),
        (float("nan"), "null"),
        (float("-inf"), "null"),
        ("5.0,", '"5.0,"'),
        (["5e-05,", 5e-05, '\\",1.0,'], r'["5e-05,",0.00005,"\\\",1.0,"]'),
        ([1.0, {"a": (2.0,)}], '[1,{"a":[2]}]'),
    ],
)
def test_numbers_are_written_as_javascript_writes_them(value: object, written: str) -> None:
    assert compact_json({"n": value}) == f'{{"n":{written}}}'.encode()


def test_what_utf_8_cannot_say_loses_no_event() -> None:
    assert compact_json({"said": "half \ud83d, Grüße \u2028 🙂"}) == '{"said":"half ?, Grüße \u2028 🙂"}'.encode()


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"2": "a", "1": "b"}, '{"1":"b","2":"a"}'),
        ({"z": 0, "10": 1, "9": 2, "a": 3, "0": 4}, '{"0":4,"9":2,"10":1,"z":0,"a":3}'),
        ({"a": [{"2": (1.0,), "1": None}]}, '{"a":[{"1":null,"2":[1]}]}'),
        ({"4294967295": 0, "4294967294": 1}, '{"4294967294":1,"4294967295":0}'),
        ({"01": 0, "-1": 1, "1.5": 2, "": 3}, '{"01":0,"-1":1,"1.5":2,"":3}'),
        ({"b": '"1":', "a": "1", "__proto__": {}}, r'{"b":"\"1\":","a":"1","__proto__":{}}'),
    ],
)
def test_keys_that_are_array_indices_come_first_as_in_javascript(given: dict[str, Any], written: str) -> None:
    assert compact_json(given) == written.encode()


@pytest.mark.parametrize(("value", "written"), [(1.0, "1"), (5e-05, "0.00005"), (float("inf"), "null"), (True, "true")])
def test_a_value_may_stand_alone(value: object, written: str) -> None:
    assert compact_json(value) == written.encode()
