"""How calls of different quality are counted."""

from __future__ import annotations

from ari_agent.calls.quality_histograms import QualityHistograms
from ari_agent.contract.media_quality import MediaQuality, StreamQuality


def counts(histograms: QualityHistograms) -> dict[tuple[str, str, str], float]:
    return {
        (sample.name, sample.labels["direction"], sample.labels.get("le", "")): sample.value
        for metric in histograms.collect()
        for sample in metric.samples
    }


def test_each_direction_of_a_call_is_counted_as_far_as_it_is_known() -> None:
    histograms = QualityHistograms()
    bad = StreamQuality(packets=950, lost=50, loss_percent=5.0, mos=3.87)
    histograms.observe(MediaQuality(caller_to_agent=bad, agent_to_caller=StreamQuality(packets=1000)))
    good = StreamQuality(packets=1000, lost=0, loss_percent=0.0, mos=4.41)
    histograms.observe(MediaQuality(caller_to_agent=good, agent_to_caller=good))
    seen = counts(histograms)
    assert seen["ari_agent_call_mos_count", "caller_to_agent", ""] == 2
    assert seen["ari_agent_call_mos_bucket", "caller_to_agent", "3.8"] == 0
    assert seen["ari_agent_call_mos_bucket", "caller_to_agent", "4.0"] == 1
    assert seen["ari_agent_call_loss_ratio_bucket", "caller_to_agent", "0.02"] == 1
    assert seen["ari_agent_call_loss_ratio_bucket", "caller_to_agent", "0.05"] == 2
    assert seen["ari_agent_call_mos_count", "agent_to_caller", ""] == 1
    assert seen["ari_agent_call_loss_ratio_count", "agent_to_caller", ""] == 1


def test_a_process_without_calls_shows_both_directions() -> None:
    seen = counts(QualityHistograms())
    assert {
        seen[name, way, ""]
        for name in ("ari_agent_call_mos_count", "ari_agent_call_loss_ratio_count")
        for way in ("caller_to_agent", "agent_to_caller")
    } == {0}
