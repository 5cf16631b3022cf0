"""What the controller and a process that recognises speech say to each other, over its stdin and stdout. Pure.

Each message: kind (1 byte), utterance (4 bytes), length of the payload (4 bytes), payload; numbers in network order.
The first message to a worker is ENGINE, and it answers READY or UNUSABLE. The end of its stdin is its end.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

HEADER: Final = struct.Struct("!BII")
MAX_PAYLOAD_BYTES: Final = 4 * 1024 * 1024


class Order(IntEnum):
    """The kinds of messages that the controller sends to a worker."""

    ENGINE = 1
    """The payload is a JSON object: `engine` names how speech is recognised, the rest is what that engine needs."""
    BEGIN = 2
    AUDIO = 3
    """The payload is audio: signed 16-bit little-endian samples, mono, 16 kHz."""
    END = 4
    """The utterance is complete; the worker answers with HEARD."""
    DROP = 5
    """The worker is to forget the utterance; no report about it is wanted any more."""


class Report(IntEnum):
    """The kinds of messages that a worker sends to the controller."""

    READY = 1
    UNUSABLE = 2
    """The payload is a text for people: why the engine cannot be used."""
    SO_FAR = 3
    """The payload is what was understood of the utterance so far."""
    HEARD = 4
    """The payload is what was understood of the whole utterance: a JSON object with `text`, and `words`: a list of
    [word, start in ms, end in ms], which is empty where the engine tells no times. `is_unfinished`: it sounds as if
    more were to come."""


def pack(kind: Order | Report, utterance_id: int = 0, payload: bytes = b"") -> bytes:
    """Return the bytes of one message, header included."""
    return HEADER.pack(kind, utterance_id, len(payload)) + payload
