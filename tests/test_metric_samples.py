"""What /metrics shows of the parts that count for themselves."""

from __future__ import annotations

import pytest

from ari_agent.metric_samples import of_dial_policy
from ari_agent.routing.dial_policy import Dial, DialRefused, DialRule, DialRules


def test_refusals_of_the_dial_policy_are_shown_by_rule() -> None:
    rules = DialRules()
    for to in ("911", "112", "*6714155550123"):
        with pytest.raises(DialRefused):
            rules.check(Dial(to))
    shown = {sample.labels["rule"]: sample.value for sample in of_dial_policy(rules)}
    assert shown == {rule.value: {"number_types": 2, "service_code": 1}.get(rule.value, 0) for rule in DialRule}
    assert {(sample.name, sample.kind) for sample in of_dial_policy(rules)} == {("dials_refused_total", "counter")}
