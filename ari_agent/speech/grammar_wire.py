"""What the controller and a grammar worker say to each other over the worker's stdin and stdout. Pure.

Each message: kind (1 byte), utterance (4 bytes), length of the payload (4 bytes), payload; numbers in network order.
The first message to a worker is GRAMMAR, and it answers READY or UNUSABLE. The end of its stdin is its end.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

HEADER: Final = struct.Struct("!BII")
MAX_PAYLOAD_BYTES: Final = 4 * 1024 * 1024


class Order(IntEnum):
    """To the worker."""

    GRAMMAR = 1
    """Payload: the text of the grammar's file."""
    BEGIN = 2
    AUDIO = 3
    """Payload: s16le, mono, 16 kHz."""
    END = 4
    """HEARD follows."""
    DROP = 5
    """Nobody wants to know any more."""


class Report(IntEnum):
    """From the worker."""

    READY = 1
    UNUSABLE = 2
    """Payload: why the grammar cannot be used, for people."""
    SO_FAR = 3
    """Payload: the text."""
    HEARD = 4
    """Payload: JSON, a list of [word, start in ms, end in ms]."""


def pack(kind: Order | Report, utterance_id: int = 0, payload: bytes = b"") -> bytes:
    """A message."""
    return HEADER.pack(kind, utterance_id, len(payload)) + payload
