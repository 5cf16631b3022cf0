"""How long turns took."""

from __future__ import annotations

from ari_agent.calls.media.call_latency import MOST_VALUES, CallLatency
from ari_agent.contract.call import TurnDetectors


def test_a_turn_is_measured_from_the_users_voice_to_the_agents() -> None:
    latency = CallLatency()
    assert latency.report() is None
    latency.voice_ended(1000)
    latency.text_came(1300)
    latency.turn_ended(1000)
    latency.asked(1310)
    latency.answer_came(1600)
    latency.answer_heard(1700)
    report = latency.report()
    assert report is not None
    assert report.asr is not None
    assert report.llm is not None
    assert report.e2e is not None
    assert (report.asr.values, report.llm.values, report.e2e.values) == ((300.0,), (290.0,), (700.0,))


def test_only_the_first_of_an_answer_counts_and_nothing_that_was_not_asked_for() -> None:
    latency = CallLatency()
    latency.text_came(10)
    latency.answer_came(10)
    latency.answer_heard(10)
    assert latency.report() is None
    latency.asked(100)
    latency.answer_came(150)
    latency.answer_came(900)
    report = latency.report()
    assert report is not None
    assert report.llm is not None
    assert report.llm.values == (50.0,)


def test_percentiles_are_by_nearest_rank_and_the_values_are_bounded() -> None:
    latency = CallLatency()
    for value in range(1, MOST_VALUES + 100):
        latency.took("tts", value)
    latency.took("asr", -5)
    report = latency.report()
    assert report is not None
    assert report.tts is not None
    assert report.asr is not None
    assert (report.tts.num, report.tts.p50, report.tts.p99, report.tts.max) == (MOST_VALUES, 1000, 1980, MOST_VALUES)
    assert report.asr.min == 0


def test_an_answer_that_waits_here_is_counted_without_the_synthesizers_time() -> None:
    told: list[tuple[str, float]] = []
    latency = CallLatency(lambda part, took_ms, _ago_ms: told.append((part, took_ms)))
    latency.turn_ended(1000)
    latency.asked(1300)
    latency.answer_came(1600)
    latency.took("tts", 120)
    latency.answer_came(1650)
    latency.took("tts", 900)  # of the second sentence, made meanwhile
    latency.answer_heard(2000)
    assert told == [("llm", 300.0), ("tts", 120.0), ("tts", 900.0), ("e2e", 1000.0), ("queue", 280.0)]


def test_an_answer_that_was_replaced_does_not_count_as_waiting() -> None:
    latency = CallLatency()
    latency.turn_ended(1000)
    latency.asked(1300)
    latency.answer_came(1600)
    latency.took("tts", 100)
    latency.asked(3000)  # the caller went on
    latency.answer_came(3200)
    latency.answer_heard(3250)
    report = latency.report()
    assert report is not None
    assert report.queue is not None
    assert report.queue.values == (50.0,)


def test_sound_without_a_sentence_has_waited_for_nothing() -> None:
    latency = CallLatency()
    latency.turn_ended(1000)
    latency.answer_heard(1500)
    report = latency.report()
    assert report is not None
    assert (report.e2e is not None, report.queue) == (True, None)


def test_it_tells_what_has_found_the_turns_of_an_audio_agent() -> None:
    told: list[tuple[str, float, float]] = []
    latency = CallLatency(lambda *measured: told.append(measured))
    latency.turn_found(None, "voice_activity")
    report = latency.report()
    assert report is not None and report.e2e is None and report.e2e_detectors == TurnDetectors(dismissed=1)
    latency.turn_found(800.0, "voice_activity")
    latency.turn_found(900.0, "voice_activity")
    latency.turn_found(700.0, "level", ago_ms=1250.0)
    report = latency.report()
    assert report is not None and report.e2e is not None
    assert report.e2e.values == (800.0, 900.0, 700.0)
    assert report.e2e_detectors == TurnDetectors(voice_activity=2, level=1, dismissed=1)
    assert told == [("e2e", 800.0, 0.0), ("e2e", 900.0, 0.0), ("e2e", 700.0, 1250.0)]


def test_of_a_text_agent_nobody_asks_what_has_found_its_turns() -> None:
    latency = CallLatency()
    latency.took("e2e", 10.0)
    report = latency.report()
    assert report is not None and report.e2e_detectors is None
