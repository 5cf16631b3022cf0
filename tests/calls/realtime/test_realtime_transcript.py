"""The transcript of a model that hears and speaks: in the order of its items, and as far as they were heard."""

from __future__ import annotations

import pytest

from ari_agent.agents.realtime_events import FunctionCall
from ari_agent.calls.realtime.realtime_transcript import RealtimeTranscript, heard_part
from ari_agent.calls.transcript import MAX_INJECTED, MAX_KEYS
from ari_agent.contract.transcript import MAX_UTTERANCES


def said(transcript: RealtimeTranscript) -> list[tuple[str, str]]:
    return [(utterance.role, utterance.content) for utterance in transcript.utterances()]


def test_a_text_that_comes_late_has_its_place() -> None:
    transcript = RealtimeTranscript()
    transcript.begin("user", "u")
    transcript.grow("a", "Yes, ")
    transcript.grow("a", "of cour")
    assert said(transcript) == [("agent", "Yes, of cour")]
    transcript.write("user", "u", "Is it open?")
    transcript.write("agent", "a", "Yes, of course.")
    transcript.grow("a", "late")
    transcript.write("agent", "a", "later")
    assert said(transcript) == [("user", "Is it open?"), ("agent", "Yes, of course.")]


def test_what_was_cut_stays_cut() -> None:
    transcript = RealtimeTranscript()
    transcript.grow("a", "One two three four")
    transcript.cut("a", 1.0)
    transcript.cut("a", 0.5)
    transcript.grow("a", " five")
    transcript.write("agent", "a", "One two three four five")
    transcript.cut("b", 0.5)  # whose text comes only now
    transcript.write("agent", "b", "six seven")
    assert said(transcript) == [("agent", "One two"), ("agent", "six")]


@pytest.mark.parametrize(("share", "part"), [(0, ""), (0.2, ""), (0.3, "One"), (0.7, "One two"), (1, "One two thr")])
def test_a_word_that_was_cut_was_not_said(share: float, part: str) -> None:
    assert heard_part("One two thr", share) == part


def test_each_kind_has_a_limit() -> None:
    transcript = RealtimeTranscript()
    for number in range(MAX_UTTERANCES + 5):
        transcript.write("user", str(number), "x" * 1000)
    transcript.cut("none", 0.5)
    transcript.grow("none", "x")
    transcript.write("agent", "none", "x")
    assert len(said(transcript)) == 2000  # two million characters
    for _ in range(20):
        transcript.called(FunctionCall("c", "n", "x" * 60_000), "custom")
        transcript.ended("c", "x" * 10_000, successful=True)
    for _ in range(MAX_KEYS + 5):
        transcript.press("1")
    for _ in range(MAX_INJECTED + 5):
        transcript.inject("rain", time_s=1.0)
    roles = [item.role for item in transcript.items()]
    assert (roles.count("dtmf"), roles.count("injected")) == (MAX_KEYS, MAX_INJECTED)
    assert roles.count("tool_call_invocation") < 17
