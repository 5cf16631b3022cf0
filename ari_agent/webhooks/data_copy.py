"""`data`, a copy of `call` beside it, for receivers that read webhooks in the form of Retell's first API. Pure.

Source: Retell's public demo servers of 2024, which read `data.call_id` and fail without it. It is made when a webhook
is sent, so that nothing is stored twice, and what was stored before has it too.
"""

from __future__ import annotations

import json
import re
from typing import Final

_BEFORE_CALL: Final = re.compile(r'\{"event":"[a-z_]+","call":(?=\{)')
_DECODER: Final = json.JSONDecoder()


def with_data_copy(body: bytes) -> bytes:
    """Return the body of a call's webhook with `data` as its last key; any other body as it is.

    body: as `compact_json` wrote it; `event` and `call` come first.
    """
    text = body.decode()
    head = _BEFORE_CALL.match(text)
    if head is None:
        return body
    _, end = _DECODER.raw_decode(text, head.end())
    return f'{text[:-1]},"data":{text[head.end() : end]}}}'.encode()
