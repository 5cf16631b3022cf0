"""Packed items: what goes in comes out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.store.call_records import dump
from ari_agent.store.packed_items import PackedItems, pack_items

items = st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.none(), max_size=5).map(dump)


@given(st.lists(items, min_size=1, max_size=40))
def test_items_come_out_as_they_were(some: list[str]) -> None:
    opened = PackedItems(pack_items(some))
    assert [opened[row] for row in range(len(some))] == some
    assert list(opened.values()) == some


@pytest.mark.parametrize("packed", [b"", b"damaged", pack_items(["{}"] * 20)[:-1]])
def test_a_damaged_block_says_so(packed: bytes) -> None:
    with pytest.raises(ValueError, match="a block of items is damaged"):
        PackedItems(packed).values()
