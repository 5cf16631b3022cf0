"""What /metrics shows of the parts that count for themselves."""

from __future__ import annotations

import pytest

from ari_agent.analysis.runner import AnalysisRunner, Outcome
from ari_agent.contract.node import NodeInfo, NodeState
from ari_agent.metric_samples import of_analyses, of_dial_policy, of_nodes
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


def test_nodes_are_counted_by_state_with_the_age_of_their_heartbeats() -> None:
    def node(name: str, state: NodeState, age_ms: int) -> NodeInfo:
        return NodeInfo(name=name, app="a", version="1", state=state, started_at=0, heartbeat_age_ms=age_ms)

    samples = list(of_nodes([node("one", "serving", 300), node("two", "lost", 12_000), node("three", "serving", 0)]))
    by_state = {sample.labels["state"]: sample.value for sample in samples if sample.name == "nodes"}
    assert by_state == {"serving": 2, "draining": 0, "lost": 1}
    ages = {sample.labels["node"]: sample.value for sample in samples if sample.name == "node_heartbeat_age_seconds"}
    assert ages == {"one": 0.3, "two": 12, "three": 0}
