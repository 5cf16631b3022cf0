"""Deepgram's live transcription: the address of a stream, and what its server says. Pure.

Source: Deepgram's API reference "Live Audio" and its pages Finalize, KeepAlive, CloseStream, Endpointing and Keyterm
(2026-11).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from ari_agent.errors import SpeechFailed
from ari_agent.speech.recognizer import RATE_HZ, ListeningOptions

KEEP_ALIVE: Final = '{"type": "KeepAlive"}'
FINALIZE: Final = '{"type": "Finalize"}'
CLOSE_STREAM: Final = '{"type": "CloseStream"}'
"""Each is a text frame; as a binary one it would be taken for audio."""

ENDPOINTING_MS: Final = 300
"""Deepgram's advice for conversations; its own default of 10 ms ends a sentence at every breath."""
MAX_KEYWORDS: Final = 100


@dataclass(frozen=True, slots=True)
class Results:
    """What a piece of the stream is understood as. Times are seconds of the audio that this connection was sent.

    text: of this piece, from start_s to end_s; final: not to change; speech_final: the speaker has paused for the
    endpointing; from_finalize: the answer to FINALIZE.
    """

    start_s: float
    end_s: float
    text: str
    final: bool
    speech_final: bool
    from_finalize: bool
    words: tuple[tuple[str, float, float], ...] = ()


def stream_query(model: str, options: ListeningOptions) -> str:
    """Return the query string of /v1/listen: which audio comes, and how it is to be understood."""
    query = [
        ("model", model),
        ("language", options.language or "en-US"),
        ("encoding", "linear16"),
        ("sample_rate", str(RATE_HZ)),
        ("channels", "1"),
        ("interim_results", "true"),
        ("punctuate", "true"),
        ("smart_format", "true"),
        ("no_delay", "true"),  # smart_format would else wait for the end of a number
        ("endpointing", str(options.endpointing_ms or ENDPOINTING_MS)),
    ]
    # Nova-3 has keyterms; what was there before it has keywords
    boost = "keyterm" if model.startswith("nova-3") else "keywords"
    query += [(boost, keyword) for keyword in options.keywords[:MAX_KEYWORDS]]
    return urlencode(query)


def parse_results(text: str) -> Results | None:
    """A message of the server; None for one that is not about words: Metadata, SpeechStarted, UtteranceEnd.

    Raises:
        SpeechFailed: it is an error, or no message at all.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise SpeechFailed("Deepgram sent something that is no JSON") from None
    if not isinstance(message, dict):
        raise SpeechFailed("Deepgram sent something that is no message")
    if message.get("type") == "Error":
        raise SpeechFailed(f"Deepgram reports an error: {str(message.get('description', ''))[:200]}")
    if message.get("type") != "Results":
        return None
    try:
        alternative = message["channel"]["alternatives"][0]
        start_s, duration_s = _seconds(message["start"]), _seconds(message["duration"])
        return Results(
            start_s,
            start_s + duration_s,
            " ".join(str(alternative["transcript"]).split()),
            final=message.get("is_final") is True,
            speech_final=message.get("speech_final") is True,
            from_finalize=message.get("from_finalize") is True,
            words=tuple(_word(word) for word in alternative.get("words") or ()),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise SpeechFailed("Deepgram sent Results without what Results have") from None


def _word(word: Mapping[str, Any]) -> tuple[str, float, float]:
    shown = word.get("punctuated_word") or word["word"]
    return str(shown), _seconds(word["start"]), _seconds(word["end"])


def _seconds(value: object) -> float:
    if not isinstance(value, int | float) or not 0 <= value < 1e6:
        raise ValueError(value)
    return float(value)
