"""A block of call_ids. Those that this controller makes, `call_` and 32 hexadecimal digits, take 16 bytes each.

To look for a part of one in a million call_ids then means to read 16 MB, and to compare bytes: where the part begins
with the second digit of a byte, it is compared with the second half of that. Other ids are a PackedColumn of texts.

    kind, "x" | length of the prefix, uint8 | how many, uint32 | prefix | digits, 16 bytes each
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ari_agent.store.call_filter import FilterOp
from ari_agent.store.packed_column import Mask, PackedColumn, pack

_HEADER: Final = struct.Struct("<cBxxI")
_KIND: Final = b"x"
_DIGITS: Final = 32
_BYTES: Final = _DIGITS // 2
_ID: Final = re.compile(rf"(.*)([0-9a-f]{{{_DIGITS}}})", re.DOTALL)
_MAX_PREFIX: Final = 255
_HEXADECIMAL: Final = re.compile("[0-9a-f]+")


def pack_ids(call_ids: Sequence[str]) -> bytes:
    """The ids of the rows, in order; at least one."""
    found = [_ID.fullmatch(call_id) for call_id in call_ids]
    prefixes = {one and one[1] for one in found}
    prefix = prefixes.pop()
    if prefix is None or prefixes or len(prefix.encode()) > _MAX_PREFIX:
        return pack(call_ids)
    digits = bytes.fromhex("".join(one[2] for one in found if one))
    return _HEADER.pack(_KIND, len(prefix.encode()), len(call_ids)) + prefix.encode() + digits


def open_ids(packed: bytes) -> Ids:
    """What `pack_ids` made."""
    kind, prefix_size, count = _HEADER.unpack_from(packed)
    if kind != _KIND:
        return PackedColumn(packed)
    begin = _HEADER.size + prefix_size
    if len(packed) != begin + count * _BYTES:
        raise ValueError(f"a block of {count} call_ids takes {begin + count * _BYTES} bytes, not {len(packed)}")
    return PackedIds(packed[_HEADER.size : begin].decode(), memoryview(packed)[begin:])


def fulfil(blocks: Sequence[Ids], op: FilterOp, value: Any) -> Mask:
    """Whether each id of these blocks, one after the other, fulfils the condition."""
    return np.concatenate([part.fulfil(op, value) for part in _joined(blocks)])


class PackedIds:
    """Ids of one prefix, read in place. digits: 16 bytes of each."""

    def __init__(self, prefix: str, digits: bytes | memoryview) -> None:
        self.prefix, self.digits = prefix, digits

    def __len__(self) -> int:
        return len(self.digits) // _BYTES

    def __getitem__(self, row: int) -> str:
        return self.prefix + self.digits[row * _BYTES : (row + 1) * _BYTES].hex()

    def counts(self) -> NDArray[np.int64]:
        """They are no integers."""
        raise TypeError("call_ids count nothing")

    def values(self) -> list[str]:
        """Of all rows, in order."""
        text = self.digits.hex()
        return [self.prefix + text[begin : begin + _DIGITS] for begin in range(0, len(text), _DIGITS)]

    def fulfil(self, op: FilterOp, value: Any) -> Mask:
        """Whether each row fulfils the condition."""
        match op:
            case FilterOp.PR | FilterOp.NP:
                return self._mask(op is FilterOp.PR)
            case FilterOp.NE:
                return ~self.fulfil(FilterOp.EQ, value)
            case FilterOp.IN:
                return self._among(value)
            case FilterOp.EQ | FilterOp.SW | FilterOp.EW | FilterOp.CO if value:
                return _CONDITIONS[op](self, value)
            case _:
                return PackedColumn(pack(self.values())).fulfil(op, value)

    def equal(self, text: str) -> Mask:
        """The whole id is this."""
        return self._mask(len(text) == len(self.prefix) + _DIGITS) & self.start_with(text)

    def start_with(self, text: str) -> Mask:
        """Its beginning is."""
        if self.prefix.startswith(text):
            return self._mask(True)
        return self._at(0, text[len(self.prefix) :]) & text.startswith(self.prefix)

    def end_with(self, text: str) -> Mask:
        """Its end is."""
        digits = text[-_DIGITS:]
        return self._at(_DIGITS - len(digits), digits) & self.prefix.endswith(text[:-_DIGITS])

    def contain(self, text: str) -> Mask:
        """Some part is."""
        if text in self.prefix:
            return self._mask(True)
        found = self._somewhere(text)
        for place in range(len(self.prefix)):
            if text.startswith(self.prefix[place:]):
                found |= self._at(0, text[len(self.prefix) - place :])
        return found

    def _mask(self, holds: bool) -> Mask:
        return np.full(len(self), holds)

    def _at(self, place: int, digits: str) -> Mask:
        """The digits from this place on are these."""
        found = self._mask(False)
        if place + len(digits) <= _DIGITS and _HEXADECIMAL.fullmatch(digits):
            rows = np.arange(len(self))
            found[self._narrow(rows * _BYTES + place // 2, _halves(place % 2, digits)) // _BYTES] = True
        return found

    def _somewhere(self, digits: str) -> Mask:
        found = self._mask(False)
        if len(digits) > _DIGITS or not _HEXADECIMAL.fullmatch(digits):
            return found
        letters = np.frombuffer(self.digits, np.uint8)
        for shift in (0, 1):
            wanted = _halves(shift, digits)
            back, mask, byte = max(wanted, key=lambda one: one[1])  # a whole byte, if there is one: it is rarer
            begins = np.flatnonzero((letters if mask == 0xFF else letters & mask) == byte) - back
            size = len(wanted)
            begins = begins[(begins % _BYTES <= _BYTES - size) & (begins >= 0)]
            found[self._narrow(begins, wanted) // _BYTES] = True
        return found

    def _narrow(self, begins: NDArray[Any], wanted: Sequence[tuple[int, int, int]]) -> NDArray[Any]:
        letters = np.frombuffer(self.digits, np.uint8)
        for place, mask, byte in wanted:
            begins = begins[letters[begins + place] & mask == byte]
        return begins

    def _among(self, call_ids: Sequence[str | None]) -> Mask:
        wanted = {call_id for call_id in call_ids if call_id and _ID.fullmatch(call_id)}
        first = np.frombuffer(self.digits, ">u8")[::2]
        beginnings = {int(call_id[-_DIGITS : -_DIGITS // 2], 16) for call_id in wanted}
        found = np.isin(first, np.array(sorted(beginnings), np.uint64))
        for row in np.flatnonzero(found).tolist():
            found[row] = self[row] in wanted
        return found


Ids = PackedColumn | PackedIds

_CONDITIONS: Final[dict[FilterOp, Callable[[PackedIds, str], Mask]]] = {
    FilterOp.EQ: PackedIds.equal,
    FilterOp.SW: PackedIds.start_with,
    FilterOp.EW: PackedIds.end_with,
    FilterOp.CO: PackedIds.contain,
}


def _halves(shift: int, digits: str) -> Sequence[tuple[int, int, int]]:
    """Place, mask and value of each byte that these digits touch. shift: 1, if they begin with the half of one."""
    padded = "." * shift + digits + "." * ((shift + len(digits)) % 2)
    pairs = [padded[begin : begin + 2] for begin in range(0, len(padded), 2)]
    return [
        (place, (pair[0] != ".") * 0xF0 | (pair[1] != ".") * 0x0F, int(pair.replace(".", "0"), 16))
        for place, pair in enumerate(pairs)
    ]


def _joined(blocks: Sequence[Ids]) -> Iterator[Ids]:
    """Neighbours of one prefix as one: a condition costs by the block."""
    for prefix, some in groupby(blocks, key=lambda block: block.prefix if isinstance(block, PackedIds) else None):
        if prefix is None:
            yield from some
        else:
            yield PackedIds(prefix, b"".join(block.digits for block in some if isinstance(block, PackedIds)))
