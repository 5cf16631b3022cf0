"""One column of a few thousand calls in a block of bytes, and which of its rows fulfil a condition.

The distinct values stand sorted beside one small code for each row: 0 for an unset one, else the place of its value,
counted from 1. A condition is decided once for each distinct value, most by two binary searches, and then looked up
for all rows at once. Texts are UTF-8, whose order is that of code points, as in both databases.

    header | codes, uint8, 16 or 32 | numbers, int64 or float64
                                    | or ends of the texts, uint32, and the texts
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ari_agent.store.call_filter import FilterOp

Mask = NDArray[np.bool_]
Value = str | int | float | bool

_HEADER: Final = struct.Struct("<ccxxxxxxII")  # kind of values, of codes; how many of each
_ALIGNED: Final = 8
_NUMBERS: Final[Mapping[bytes, Any]] = {b"q": np.int64, b"d": np.float64}
_CODES: Final[Mapping[bytes, Any]] = {b"B": np.uint8, b"H": np.uint16, b"I": np.uint32}
_TEXT: Final = b"t"


def pack(values: Sequence[Value | None]) -> bytes:
    """The values of the rows, in order: all texts, or all numbers, or unset."""
    distinct = sorted({value for value in values if value is not None})
    code_of: dict[Value | None, int] = {value: code for code, value in enumerate(distinct, start=1)}
    code_of[None] = 0
    width = b"B" if len(distinct) < 2**8 else b"H" if len(distinct) < 2**16 else b"I"
    codes = np.array([code_of[value] for value in values], _CODES[width]).tobytes()
    kind, packed = _pack_distinct(distinct)
    padding = bytes(-len(codes) % _ALIGNED)
    return _HEADER.pack(kind, width, len(distinct), len(values)) + codes + padding + packed


def _pack_distinct(values: Sequence[Any]) -> tuple[bytes, bytes]:
    if any(isinstance(value, str) for value in values):
        texts = [value.encode() for value in values]
        return _TEXT, np.cumsum([len(text) for text in texts]).astype(np.uint32).tobytes() + b"".join(texts)
    kind = b"d" if any(isinstance(value, float) for value in values) else b"q"
    return kind, np.array(values, _NUMBERS[kind]).tobytes()


class PackedColumn:
    """A packed column, read in place."""

    def __init__(self, packed: bytes) -> None:
        kind, width, distinct, rows = _HEADER.unpack_from(packed)
        self._codes = np.frombuffer(packed, _CODES[width], rows, _HEADER.size)
        begin = _HEADER.size + self._codes.nbytes + -self._codes.nbytes % _ALIGNED
        self._distinct: _Texts | _Numbers
        if kind == _TEXT:
            ends = np.frombuffer(packed, np.uint32, distinct, begin)
            self._distinct = _Texts(ends, packed[begin + ends.nbytes :])
        else:
            self._distinct = _Numbers(np.frombuffer(packed, _NUMBERS[kind], distinct, begin))

    def __len__(self) -> int:
        return len(self._codes)

    def __getitem__(self, row: int) -> Any:
        code = int(self._codes[row])
        return self._distinct.value(code - 1) if code else None

    def values(self) -> list[Any]:
        """Of all rows, in order."""
        by_code = [None, *(self._distinct.value(place) for place in range(len(self._distinct)))]
        return [by_code[code] for code in self._codes.tolist()]

    def counts(self) -> NDArray[np.int64]:
        """Of all rows, if they are integers and all are set."""
        return np.array(self._distinct.ordered, np.int64)[self._codes.astype(np.int64) - 1]

    def fulfil(self, op: FilterOp, value: Any) -> Mask:
        """Whether each row fulfils the condition; an unset one fulfils `ne` and `np` alone."""
        found = np.full(len(self._distinct) + 1, op in (FilterOp.NE, FilterOp.NP))
        if op is FilterOp.NP or not len(self._distinct):
            found[1:] = False
        elif op is FilterOp.NE:
            found[1:] = ~self._distinct.fulfil(FilterOp.EQ, value)
        else:
            found[1:] = self._distinct.fulfil(op, value)
        return found[self._codes]


class _Distinct:
    """Sorted values."""

    def __init__(self, ordered: Sequence[Any]) -> None:
        self.ordered = ordered

    def __len__(self) -> int:
        return len(self.ordered)

    def fulfil(self, op: FilterOp, value: Any) -> Mask:
        """Whether each value does."""
        found = np.zeros(len(self.ordered), np.bool_)
        for begin, end in _SPANS[op](self.ordered, value):
            found[begin:end] = True
        return found


class _Numbers(_Distinct):
    """int64 or float64."""

    def __init__(self, numbers: NDArray[Any]) -> None:
        super().__init__(numbers.data)  # whose items are Python's: 2**63 - 1 and 0.5 compare exactly

    def value(self, place: int) -> int | float:
        """One of them."""
        number: int | float = self.ordered[place]
        return number


class _Texts(_Distinct):
    """UTF-8, end to end. What is compared with them is a text too."""

    def __init__(self, ends: NDArray[np.uint32], joined: bytes) -> None:
        self._ends, self._joined = ends, joined
        super().__init__(_Slices(ends, joined))

    def value(self, place: int) -> str:
        """One of them."""
        text: bytes = self.ordered[place]
        return text.decode()

    def fulfil(self, op: FilterOp, value: Any) -> Mask:
        """Whether each text does."""
        if isinstance(value, list | tuple):
            return super().fulfil(op, [text.encode() for text in value if text is not None])
        wanted = value.encode() if value is not None else b""
        if op is FilterOp.EW:
            return self._end_with(wanted)
        if op is FilterOp.CO and wanted:
            return self._contain(wanted)
        return super().fulfil(op, wanted)

    def _end_with(self, part: bytes) -> Mask:
        ends = self._ends.astype(np.int64)
        found = np.diff(ends, prepend=0) >= len(part)
        letters = np.frombuffer(self._joined, np.uint8)
        places = np.flatnonzero(found)
        for back, letter in enumerate(reversed(part), start=1):
            places = places[letters[ends[places] - back] == letter]
            if not len(places):
                break
        found[:] = False
        found[places] = True
        return found

    def _contain(self, part: bytes) -> Mask:
        begins = _find_all(np.frombuffer(self._joined, np.uint8), part)
        last = self._ends.astype(np.int64)
        if len(begins) > len(last) // 4:
            inside = np.repeat(np.arange(len(last)), np.diff(last, prepend=0))[begins]
        else:
            inside = np.searchsorted(last, begins, side="right")
        found = np.zeros(len(last), np.bool_)
        found[inside[begins + len(part) <= last[inside]]] = True
        return found


_AT_ONCE: Final = 4
"""Letters that are compared with the whole text; where these are, the others are compared."""


def _find_all(letters: NDArray[np.uint8], part: bytes) -> NDArray[np.int64]:
    """Where the part begins, overlaps included."""
    size = len(letters) - len(part) + 1
    if size <= 0:
        return np.zeros(0, np.int64)
    here = letters[:size] == part[0]
    for place, letter in enumerate(part[1:_AT_ONCE], start=1):
        here &= letters[place : place + size] == letter
    begins = np.flatnonzero(here)
    for place, letter in enumerate(part[_AT_ONCE:], start=_AT_ONCE):
        begins = begins[letters[begins + place] == letter]
    return begins


class _Slices(Sequence[bytes]):
    """The texts as a sequence, for a binary search."""

    def __init__(self, ends: NDArray[np.uint32], joined: bytes) -> None:
        self._ends, self._joined = ends.data, joined

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, place: Any) -> Any:
        return self._joined[self._ends[place - 1] if place else 0 : self._ends[place]]


Spans = Sequence[tuple[int, int]]


def _equal(ordered: Sequence[Any], value: Any) -> tuple[int, int]:
    return bisect_left(ordered, value), bisect_right(ordered, value)


def _all(ordered: Sequence[Any], _: Any) -> Spans:
    return [(0, len(ordered))]


_SPANS: Final[Mapping[FilterOp, Callable[[Sequence[Any], Any], Spans]]] = {
    FilterOp.EQ: lambda ordered, value: [_equal(ordered, value)],
    FilterOp.GT: lambda ordered, value: [(bisect_right(ordered, value), len(ordered))],
    FilterOp.GE: lambda ordered, value: [(bisect_left(ordered, value), len(ordered))],
    FilterOp.LT: lambda ordered, value: [(0, bisect_left(ordered, value))],
    FilterOp.LE: lambda ordered, value: [(0, bisect_right(ordered, value))],
    FilterOp.BT: lambda ordered, value: [(bisect_left(ordered, value[0]), bisect_right(ordered, value[1]))],
    FilterOp.IN: lambda ordered, values: [_equal(ordered, value) for value in values],
    # the byte 0xFF is in no UTF-8: it sorts behind whatever else begins so
    FilterOp.SW: lambda ordered, value: [(bisect_left(ordered, value), bisect_left(ordered, value + b"\xff"))],
    FilterOp.CO: _all,  # the empty text
    FilterOp.PR: _all,
}
