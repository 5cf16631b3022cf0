"""What the turns of all calls took, as Prometheus sees it."""

from __future__ import annotations

from ari_agent.calls.latency_histograms import LatencyHistograms
from ari_agent.calls.media.call_media import AgentBack, AgentReady, LatencyMeasured, MediaEvent


def samples(histograms: LatencyHistograms) -> dict[tuple[str, str, str, str], float]:
    """(name, agent, part, le) -> value."""
    return {
        (found.name, found.labels["agent"], found.labels.get("part", ""), found.labels.get("le", "")): found.value
        for family in histograms.collect()
        for found in family.samples
    }


def test_every_label_is_there_before_any_call() -> None:
    found = samples(LatencyHistograms())
    counts = {key[1:3]: value for key, value in found.items() if key[0] == "ari_agent_turn_latency_seconds_count"}
    assert counts == dict.fromkeys(
        [("audio", "e2e"), ("text", "e2e"), ("text", "asr"), ("text", "llm"), ("text", "tts"), ("text", "queue")], 0
    )
    assert found["ari_agent_agent_round_trip_seconds_count", "audio", "", ""] == 0
    assert found["ari_agent_agent_away_seconds_count", "audio", "", ""] == 0


def test_a_measurement_is_observed_in_seconds_and_passed_on() -> None:
    histograms, told = LatencyHistograms(), list[MediaEvent]()
    on_event = histograms.observing("audio", told.append)
    events: list[MediaEvent] = [
        AgentReady(),
        LatencyMeasured("e2e", 650.0),
        LatencyMeasured("llm_websocket_network_rtt", 12.0),
        AgentBack(400, 2, "reset"),
    ]
    for event in events:
        on_event(event)
    assert told == events
    found = samples(histograms)
    turns, trips = "ari_agent_turn_latency_seconds", "ari_agent_agent_round_trip_seconds"
    assert found[f"{turns}_sum", "audio", "e2e", ""] == 0.65
    assert (found[f"{turns}_bucket", "audio", "e2e", "0.6"], found[f"{turns}_bucket", "audio", "e2e", "0.7"]) == (0, 1)
    assert (found[f"{trips}_bucket", "audio", "", "0.01"], found[f"{trips}_bucket", "audio", "", "0.02"]) == (0, 1)
    assert found["ari_agent_agent_away_seconds_sum", "audio", "", ""] == 0.4
    assert found[f"{turns}_count", "text", "e2e", ""] == 0


def test_two_controllers_in_one_process_share_nothing() -> None:
    first, second = LatencyHistograms(), LatencyHistograms()
    first.observe("text", LatencyMeasured("llm", 300.0))
    assert samples(second)["ari_agent_turn_latency_seconds_count", "text", "llm", ""] == 0
