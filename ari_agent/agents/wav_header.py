"""A WAV file where bare audio is expected: its header is no sound. Pure.

Source: Microsoft, "Multiple Channel Audio Data and WAVE Files"; RFC 2361 for the format tags.
"""

from __future__ import annotations

import struct
from typing import Final

RIFF: Final = b"RIFF"
"""The first bytes of every WAV file."""

_TAGS: Final = {1: "s16le", 7: "mulaw", 0xFFFE: "s16le"}
_BITS: Final = {"s16le": 16, "mulaw": 8}
_UNKNOWN_SIZES: Final = frozenset({0, 0x7FFFFFFF, 0xFFFFFFFF})
"""What programs write that do not know yet how long the file will be."""


def without_header(payload: bytes, *, encoding: str, rate_hz: int) -> tuple[bytes, str]:
    """Return the audio of a payload that begins with a WAV header, and a sentence for whoever sent it.

    encoding, rate_hz: of bare audio on this connection. A file in any other format would be noise: nothing is returned.
    The sentence is empty where the payload is no WAV file, and comes back as it is.
    """
    if payload[:4] != RIFF or payload[8:12] != b"WAVE":
        return payload, ""
    wanted = f"bare {encoding} at {rate_hz} Hz is expected"
    position, found = 12, ""
    while position + 8 <= len(payload):
        name, size_bytes = struct.unpack_from("<4sI", payload, position)
        position += 8
        if name == b"fmt " and size_bytes >= 16 and position + 16 <= len(payload):
            tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", payload, position)
            if (_TAGS.get(tag), channels, rate, bits) != (encoding, 1, rate_hz, _BITS[encoding]):
                found = f"format {tag}, {channels} channels, {rate} Hz, {bits} bits"
        elif name == b"data":
            if found:
                return b"", f"a WAV file was not played: {found}; {wanted}"
            end = None if size_bytes in _UNKNOWN_SIZES else position + size_bytes
            return payload[position:end], f"the header of a WAV file was skipped; {wanted}"
        position += size_bytes + size_bytes % 2
    return b"", f"a WAV file without audio was not played; {wanted}"
