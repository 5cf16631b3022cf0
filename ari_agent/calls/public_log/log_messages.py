"""What a public log says of one message on an agent's websocket. Pure.

Text agents are sent the whole transcript again and again; of those lists only the number of entries and the last one
are told, without the times of its words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ari_agent.contract.parsing.json_text import MalformedJson, parse_json

MAX_READ_BYTES: Final = 64 * 1024
"""Of larger messages kind and size alone are told."""

_KIND_KEYS: Final = ("event", "interaction_type", "response_type", "event_type", "type")
_KIND: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}")
_KIND_IN_TEXT: Final = re.compile(rb'"(?:' + "|".join(_KIND_KEYS).encode() + rb')"\s{0,4}:\s{0,4}"([A-Za-z_-]{1,40})"')
_WORDS: Final = frozenset({b"clear", b"ping", b"pong"})
"""Messages of the web protocol that are a word alone."""
_REPEATED: Final = frozenset({"transcript", "transcript_with_tool_calls", "transcript_object"})
_TIMES: Final = frozenset({"words"})


def message_facts(message: bytes) -> tuple[Mapping[str, object], object]:
    """Return facts and content of a message for its line in the log: its kind and size, and what it says.

    A message that is not a JSON object has the content None. The kind is `response` where a message names none, which
    in the custom-LLM protocol is an answer.
    """
    size = len(message)
    if size > MAX_READ_BYTES:
        found = _KIND_IN_TEXT.search(message[:1000])
        return {"kind": found[1].decode() if found else "unknown", "bytes": size}, None
    try:
        read = parse_json(message)
    except MalformedJson:
        read = None
    if not isinstance(read, dict):
        return {"kind": message.decode() if message in _WORDS else "unknown", "bytes": size}, None
    return {"kind": _kind(read), "bytes": size}, _digest(read)


def _kind(message: Mapping[str, object]) -> str:
    for key in _KIND_KEYS:
        if isinstance(kind := message.get(key), str):
            return kind if _KIND.fullmatch(kind) else "unknown"
    return "response" if "response_id" in message else "unknown"


def _digest(value: object) -> object:
    match value:
        case dict():
            return {
                name: _last(inner) if name in _REPEATED and isinstance(inner, list) else _digest(inner)
                for name, inner in value.items()
                if name not in _TIMES
            }
        case list():
            return [_digest(inner) for inner in value]
        case _:
            return value


def _last(entries: list[object]) -> Mapping[str, object]:
    return {"entries": len(entries), **({"last": _digest(entries[-1])} if entries else {})}
