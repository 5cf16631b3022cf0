"""What /metrics shows of the parts that count for themselves."""

from __future__ import annotations

import pytest

from ari_agent.analysis.runner import AnalysisRunner, Outcome
from ari_agent.metric_samples import of_analyses, of_dial_policy
from ari_agent.routing.dial_policy import Dial, DialRefused, DialRule, DialRules


def test_analyses_are_shown_by_how_they_ended() -> None:
    runner = AnalysisRunner(wait_ms=1, now_ms=lambda: 0)
    runner.outcomes[Outcome.PARTLY] += 2
    runner.after_end_s = 3.5
    shown = {(sample.name, sample.labels.get("outcome")): sample.value for sample in of_analyses(runner)}
    assert shown == {
        ("analyses_total", "analysed"): 0,
        ("analyses_total", "partly"): 2,
        ("analyses_total", "failed"): 0,
        ("analyses_total", "gone"): 0,
        ("analysis_seconds_total", None): 3.5,
        ("analyses_in_progress", None): 0,
    }


def test_refusals_of_the_dial_policy_are_shown_by_rule() -> None:
    rules = DialRules()
    for to in ("911", "112", "*6714155550123"):
        with pytest.raises(DialRefused):
            rules.check(Dial(to))
    shown = {sample.labels["rule"]: sample.value for sample in of_dial_policy(rules)}
    assert shown == {rule.value: {"number_types": 2, "service_code": 1}.get(rule.value, 0) for rule in DialRule}
    assert {(sample.name, sample.kind) for sample in of_dial_policy(rules)} == {("dials_refused_total", "counter")}
