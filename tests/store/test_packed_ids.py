"""Packed call_ids: what goes in comes out, and a condition finds the rows that a loop over the ids finds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ari_agent.store import packed_ids
from ari_agent.store.call_filter import FilterOp
from ari_agent.store.packed_ids import PackedIds, open_ids, pack_ids
from tests.store.test_packed_column import fulfils, wanted_of

# few digits, so that parts are found often; a prefix that goes on with a digit, and one in which parts are found
digits = st.text(st.sampled_from("0af"), min_size=32, max_size=32)
ours = st.builds(str.__add__, st.sampled_from(["call_", "", "acaf", "é"]), digits)
others = st.text(st.sampled_from("call_0aé"), min_size=1, max_size=40)
blocks = st.lists(st.lists(ours, min_size=1, max_size=6) | st.lists(ours | others, min_size=1, max_size=6), min_size=1)


@st.composite
def parts(draw: st.DrawFn, call_ids: list[str]) -> str:
    """A part of one of them, or of none."""
    text = draw(st.sampled_from(call_ids) | others | ours)
    begin = draw(st.integers(0, len(text)))
    return text[begin : draw(st.integers(begin, len(text)) | st.integers(begin, begin + 4))]


@pytest.mark.parametrize("op", FilterOp)
@settings(max_examples=30)
@given(data=st.data())
def test_conditions(op: FilterOp, data: st.DataObject) -> None:
    drawn = data.draw(blocks)
    call_ids = [call_id for block in drawn for call_id in block]
    wanted = data.draw(wanted_of(op, parts(call_ids) | st.sampled_from(call_ids)))
    opened = [open_ids(pack_ids(block)) for block in drawn]
    assert [call_id for block in opened for call_id in block.values()] == call_ids
    assert [block[row] for block in opened for row in range(len(block))] == call_ids
    expected = [fulfils(call_id, op, wanted) for call_id in call_ids]
    assert packed_ids.fulfil(opened, op, wanted).tolist() == expected


def test_our_own_ids_take_sixteen_bytes_each() -> None:
    call_ids = [f"call_{number:032x}" for number in range(1000)]
    packed = pack_ids(call_ids)
    assert isinstance(open_ids(packed), PackedIds)
    assert len(packed) < 16_100


def test_a_block_that_was_cut_is_no_block() -> None:
    packed = pack_ids([f"call_{number:032x}" for number in range(4)])
    with pytest.raises(ValueError, match="takes 77 bytes, not 76"):
        open_ids(packed[:-1])


def test_a_part_across_two_ids_is_in_neither() -> None:
    call_ids = ["call_" + "0" * 31 + "a", "call_" + "b" + "0" * 31]
    ids = open_ids(pack_ids(call_ids))
    assert ids.fulfil(FilterOp.CO, "ab").tolist() == [False, False]
    assert ids.fulfil(FilterOp.CO, "_b").tolist() == [False, True]
    assert ids.fulfil(FilterOp.CO, "0a").tolist() == [True, False]
