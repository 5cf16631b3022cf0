from __future__ import annotations

from collections import Counter

from ari_agent.agents.bad_messages import ANSWERS_AT_ONCE, BURST, PER_S, BadMessages, Verdict


def test_a_few_bad_messages_are_all_answered() -> None:
    bad = BadMessages()
    assert [bad.judge(second * 1.0) for second in range(1000)] == [Verdict.ANSWER] * 1000
    assert bad.count == 1000


def test_what_cannot_be_read_at_the_pace_of_audio_is_never_the_end() -> None:
    bad = BadMessages()
    verdicts = Counter(bad.judge(number / 50) for number in range(50 * 600))
    assert verdicts[Verdict.END] == 0
    assert ANSWERS_AT_ONCE < verdicts[Verdict.ANSWER] <= ANSWERS_AT_ONCE + 600


def test_more_than_that_is_the_end() -> None:
    bad = BadMessages()
    at_once = [bad.judge(1.0) for _ in range(BURST + 1)]
    assert at_once.index(Verdict.END) == BURST
    assert Counter(at_once)[Verdict.ANSWER] == ANSWERS_AT_ONCE
    assert Verdict.END in {BadMessages().judge(0.0)} | {bad.judge(1.0 + number / (2 * PER_S)) for number in range(9)}
