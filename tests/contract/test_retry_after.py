from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.contract.parsing.retry_after import parse_retry_after

NOW_MS = 784_111_777_000
"""Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 section 5.6.7."""


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("0", 0),
        (" 120 ", 120),
        ("9" * 5000, math.inf),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10),
        ("Sun, 06 Nov 1994 08:49:47", 10),
        ("Sunday, 06-Nov-94 08:49:40 GMT", 3),
        ("Sun, 06 Nov 1994 08:49:07 GMT", 0),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("Sun, 99 Nov 1994 08:49:47 GMT", None),
    ],
)
def test_seconds_and_dates_are_read(header: str, wait_s: float | None) -> None:
    assert parse_retry_after(header, NOW_MS) == wait_s


@given(st.text() | st.text(st.sampled_from("SunNov GMT0123456789:,-+()"), max_size=40))
def test_no_header_crashes_the_reader(header: str) -> None:
    wait_s = parse_retry_after(header, NOW_MS)
    assert wait_s is None or wait_s >= 0
