"""What list-calls shows of some neighbours in the list: their JSON texts, compressed together.

A list of scattered calls is bound by the disk: each record is on a page of its own, and so is the entry of the index
that finds it. Compressed, a million items take 100 MB, which the system keeps in memory where gigabytes of records have
long been pushed out.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

ITEMS: Final = 16
"""Calls of a block. More take less room, and longer to take one out: 0.02 ms for this many."""
_PREFIX: Final = "item:"
_BETWEEN: Final = "\n"
"""JSON as it is stored has none."""


def item_column(block: int) -> str:
    """The name of a block in a segment."""
    return f"{_PREFIX}{block}"


def is_item_column(name: str) -> bool:
    """Whether a column of a segment is such a block."""
    return name.startswith(_PREFIX)


def pack_items(items: Sequence[str]) -> bytes:
    """The texts of the rows, in order; at least one. In ASCII, as `call_records.dump` writes them."""
    return zlib.compress(_BETWEEN.join(items).encode("ascii"))


class PackedItems:
    """A block, which is taken apart when somebody first asks: all of it, as to do it in parts takes as long.

    Raises ValueError when it is damaged.
    """

    def __init__(self, packed: bytes) -> None:
        self._packed = packed
        self._items: Sequence[str] = ()

    def __getitem__(self, row: int) -> str:
        return self.values()[row]

    def values(self) -> Sequence[str]:
        """Of all rows, in order."""
        if not self._items:
            try:
                self._items = zlib.decompress(self._packed).decode("ascii").split(_BETWEEN)
            except zlib.error as error:
                raise ValueError(f"a block of items is damaged: {error}") from None
        return self._items
