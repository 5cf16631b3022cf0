"""The transcript of a call as the rows of a table. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ari_agent.contract.call import Call

_SPEAKERS: Final = {"agent": "Agent", "user": "Caller", "transfer_target": "Target"}


@dataclass(frozen=True, slots=True)
class TranscriptRow:
    """One turn or one doing of the agent.

    at_s: when it began, in seconds of the recording; None where that is not known. words: text and beginning of each
    word, where they are known; else `text` is all of it. kind: `agent`, `user`, `transfer_target`, or `tool`.
    """

    kind: str
    speaker: str
    text: str
    at_s: float | None = None
    words: Sequence[tuple[str, float]] = ()


def transcript_rows(call: Call) -> Sequence[TranscriptRow]:
    """Return the rows of a call's transcript, with what its agent did, in their order."""
    items = call.transcript_with_tool_calls or call.transcript_object or ()
    return tuple(row for item in items for row in _rows(item.model_dump(mode="json")))


def _rows(item: dict[str, Any]) -> Iterator[TranscriptRow]:
    role = item["role"]
    if role in _SPEAKERS:
        timed = [(word["word"], word["start"]) for word in item["words"] if word["word"] and word["start"] is not None]
        at_s = timed[0][1] if timed else None
        # words with gaps in their times would leave out what was said
        is_whole = timed and len(timed) == len(item["words"])
        yield TranscriptRow(role, _SPEAKERS[role], item["content"], at_s, timed if is_whole else ())
    else:
        facts = {key: value for key, value in item.items() if key not in {"role", "tool_call_id"} and value is not None}
        yield TranscriptRow("tool", role.replace("_", " "), json.dumps(facts, ensure_ascii=False))
