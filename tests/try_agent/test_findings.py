"""What was found in a trial call: each thing once."""

from __future__ import annotations

from ari_agent.try_agent.findings import Findings


def test_the_same_thing_is_found_once_and_counted_in_the_step_where_it_was_first() -> None:
    findings = Findings()
    findings.step = "start"
    findings.wrong("a mark needs a name", right="name it", example="x" * 1000)
    findings.step = "speech"
    findings.wrong("a mark needs a name")
    findings.remark("a mark needs a name")
    first, second = findings
    assert first.as_json() == {
        "severity": "wrong",
        "step": "start",
        "what": "a mark needs a name",
        "count": 2,
        "right": "name it",
        "example": "x" * 300,
    }
    assert second.as_json() == {"severity": "remark", "step": "speech", "what": "a mark needs a name", "count": 1}
    assert findings.of("start") == [first]


def test_remarks_alone_are_all_right() -> None:
    findings = Findings()
    findings.remark("it did not clear")
    assert findings.ok
    findings.wrong("it sent nonsense")
    assert not findings.ok


def test_an_agent_that_is_wrong_in_ever_new_ways_fills_no_memory() -> None:
    findings = Findings()
    for number in range(1000):
        findings.wrong(f"nonsense {number}")
    assert len(list(findings)) == 100
