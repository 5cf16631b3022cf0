from __future__ import annotations

from ari_agent.contract.webhook_attempt import (
    ANSWER_BYTES,
    MOST_ATTEMPTS,
    WebhookAttempt,
    answer_text,
    read_attempts,
    stored_attempts,
    without_answers,
)


def test_attempts_are_read_as_they_were_stored_the_last_of_many() -> None:
    attempts = [WebhookAttempt(n, 1, 200 if n % 2 else None, "é\0\ufffd", "x") for n in range(MOST_ATTEMPTS + 3)]
    stored = stored_attempts(attempts)
    assert stored.isascii() and "\0" not in stored
    assert read_attempts(stored) == attempts[3:]
    assert read_attempts(None) == []


def test_an_answer_is_text_whatever_it_is_and_bounded() -> None:
    assert answer_text(b"<b>\xff\x00") == "<b>\ufffd\0"
    assert len(answer_text(b"x" * 10**6)) == ANSWER_BYTES
    assert len(stored_attempts([WebhookAttempt(1, 1, 200, answer_text(b"\xff" * 10**6))] * 50)) < 130_000


def test_without_answers_the_rest_is_left() -> None:
    assert without_answers([WebhookAttempt(1, 2, 200, "x", "y")]) == [WebhookAttempt(1, 2, 200, "", "y")]
