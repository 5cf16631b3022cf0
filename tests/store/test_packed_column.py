"""Packed columns: what goes in comes out, and a condition finds the rows that a loop over the values finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ari_agent.store.call_filter import FilterOp
from ari_agent.store.packed_column import PackedColumn, pack

NAIVE: Mapping[FilterOp, Callable[[Any, Any], bool]] = {
    FilterOp.EQ: lambda value, wanted: value == wanted,
    FilterOp.SW: lambda value, wanted: value.startswith(wanted),
    FilterOp.EW: lambda value, wanted: value.endswith(wanted),
    FilterOp.CO: lambda value, wanted: wanted in value,
    FilterOp.GT: lambda value, wanted: value > wanted,
    FilterOp.GE: lambda value, wanted: value >= wanted,
    FilterOp.LT: lambda value, wanted: value < wanted,
    FilterOp.LE: lambda value, wanted: value <= wanted,
    FilterOp.BT: lambda value, wanted: wanted[0] <= value <= wanted[1],
    FilterOp.IN: lambda value, wanted: value in wanted,
    FilterOp.PR: lambda value, wanted: True,
}
OF_TEXTS = (FilterOp.SW, FilterOp.EW, FilterOp.CO)


def fulfils(value: Any, op: FilterOp, wanted: Any) -> bool:
    """What a filter means: only `ne` and `np` hold for what is unset."""
    if op is FilterOp.NE:
        return bool(value != wanted)
    if op is FilterOp.NP:
        return value is None
    return value is not None and NAIVE[op](value, wanted)


def wanted_of(op: FilterOp, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What such a condition is compared with."""
    match op:
        case FilterOp.BT:
            return st.tuples(values, values)
        case FilterOp.IN:
            return st.lists(values, max_size=4)
        case _:
            return values


texts = st.text(st.sampled_from("ab0é\U0010ffff\ud7ff"), max_size=4)
integers = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)
floats = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.5, -0.0, 0.0, 1e300])


@pytest.mark.parametrize("op", FilterOp)
@settings(max_examples=30)
@given(data=st.data())
def test_texts(op: FilterOp, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | texts, max_size=12))
    wanted = data.draw(wanted_of(op, texts))
    column = PackedColumn(pack(values))
    assert column.values() == values == [column[row] for row in range(len(column))]
    assert column.fulfil(op, wanted).tolist() == [fulfils(value, op, wanted) for value in values]


@pytest.mark.parametrize("op", [op for op in FilterOp if op not in OF_TEXTS])
@pytest.mark.parametrize("numbers", [integers, floats, st.booleans()])
@settings(max_examples=30)
@given(data=st.data())
def test_numbers(op: FilterOp, numbers: st.SearchStrategy[Any], data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | numbers, max_size=12))
    wanted = data.draw(wanted_of(op, numbers | integers | floats))
    column = PackedColumn(pack(values))
    assert column.values() == values
    assert column.fulfil(op, wanted).tolist() == [fulfils(value, op, wanted) for value in values]


@pytest.mark.parametrize("size", [255, 256, 65_535, 65_536])
def test_codes_grow_with_the_number_of_values(size: int) -> None:
    column = PackedColumn(pack(range(size)))
    assert column[size - 1] == size - 1
    assert column.counts().tolist() == list(range(size))
    assert column.fulfil(FilterOp.GE, size - 2).sum() == 2


def test_a_part_that_is_everywhere_and_one_across_two_texts() -> None:
    column = PackedColumn(pack(["aaa", "ab", "ba"] * 50))
    assert column.fulfil(FilterOp.CO, "a").all()
    assert column.fulfil(FilterOp.CO, "aa").tolist() == [True, False, False] * 50
    assert not column.fulfil(FilterOp.CO, "bb").any()
