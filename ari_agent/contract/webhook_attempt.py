"""One attempt to deliver a webhook, and the text in which the last attempts are stored. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

MOST_ATTEMPTS: Final = 10
"""How many attempts of one webhook are remembered, the last ones; a replay begins a new series of them."""
ANSWER_BYTES: Final = 2048
"""How much of an answer's body is remembered."""


@dataclass(frozen=True, slots=True)
class WebhookAttempt:
    """What one attempt to deliver a webhook has brought.

    at_ms: when it began, in milliseconds since 1970. latency_ms: how long until the status came, or until it failed.
    status: of HTTP; None where nothing came that is HTTP. answer: how the answer's body begins, as text; "" where
    nothing came, or nothing of it may be stored. error: why it failed, in one line; None where it was delivered.
    """

    at_ms: int
    latency_ms: int
    status: int | None = None
    answer: str = ""
    error: str | None = None


def answer_text(body: bytes) -> str:
    """Return how an answer's body begins, whatever it is: what is not UTF-8 becomes U+FFFD."""
    return body[:ANSWER_BYTES].decode("utf-8", "replace")


def stored_attempts(attempts: Sequence[WebhookAttempt]) -> str:
    """Return the last MOST_ATTEMPTS attempts as the text that `read_attempts` reads."""
    return json.dumps([asdict(attempt) for attempt in attempts[-MOST_ATTEMPTS:]], separators=(",", ":"))


def read_attempts(stored: str | None) -> Sequence[WebhookAttempt]:
    """Return the attempts that `stored_attempts` has written, the oldest first; none of None."""
    return [WebhookAttempt(**attempt) for attempt in json.loads(stored or "[]")]


def without_answers(attempts: Sequence[WebhookAttempt]) -> Sequence[WebhookAttempt]:
    """Return the attempts without what the receivers have answered."""
    return [replace(attempt, answer="") for attempt in attempts]
