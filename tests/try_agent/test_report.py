"""The report of a trial call, as text and as JSON."""

from __future__ import annotations

import json

from ari_agent.try_agent.findings import Findings
from ari_agent.try_agent.report import STEPS, Report


def test_steps_are_printed_as_they_end_with_what_was_found_in_them() -> None:
    printed: list[str] = []
    findings = Findings()
    report = Report(findings, printed.append)
    step = report.begin("connect")
    step.seen.append("open after 5 ms")
    report.end(step)
    step = report.begin("start")
    findings.remark("it is slow")
    report.end(step)
    step = report.begin("speech")
    findings.wrong("a mark without a name", right="name it", example="{}")
    findings.wrong("a mark without a name")
    report.end(step)
    step = report.begin("key")
    step.failed = True
    report.end(step)
    report.leave_out("the agent was lost")
    findings.step = ""
    findings.wrong("nothing was heard")
    report.end_of_call()
    report.say("The end.")
    assert printed == [
        f"✓ {STEPS['connect']}: open after 5 ms",
        f"! {STEPS['start']}: nothing was seen",
        "    remark: it is slow",
        f"✗ {STEPS['speech']}: nothing was seen",
        "    wrong: a mark without a name (2 times)",
        "      right: name it",
        "      it sent: {}",
        f"✗ {STEPS['key']}: nothing was seen",
        f"- not tried: {STEPS['interruption']}, {STEPS['hold']}, {STEPS['hang_up']}: the agent was lost",
        "    wrong: nothing was heard",
        "The end.",
    ]


def test_what_an_agent_says_commands_no_terminal() -> None:
    printed: list[str] = []
    findings = Findings()
    report = Report(findings, printed.append)
    step = report.begin("connect")
    step.seen.append("it sends \x1b[2J")
    findings.remark("\x1b]0;title\x07", right="\u202e", example='{"event":\r\n"\x9b31m"}')
    report.end(step)
    report.say("  agent: Grüße\nNothing was wrong.")
    assert printed == [
        f"! {STEPS['connect']}: it sends \\x1b[2J",
        "    remark: \\x1b]0;title\\x07",
        "      right: \\u202e",
        '      it sent: {"event":\\r\\n"\\x9b31m"}',
        "  agent: Grüße\\nNothing was wrong.",
    ]


def test_nothing_is_said_about_steps_left_out_where_none_was() -> None:
    printed: list[str] = []
    report = Report(Findings(), printed.append)
    for name in STEPS:
        report.begin(name)
    report.leave_out("the agent has hung up")
    assert printed == []


def test_json_has_every_step() -> None:
    findings = Findings()
    report = Report(findings, print)
    step = report.begin("connect")
    step.ms["handshake"] = 5
    findings.wrong("a mark without a name")
    made = json.loads(json.dumps(report.as_json()))
    assert [entry["step"] for entry in made["steps"]] == list(STEPS)
    assert made["steps"][0] == {"step": "connect", "tried": True, "seen": [], "ms": {"handshake": 5}, "messages": {}}
    assert made["steps"][1]["tried"] is False
    assert made["findings"] == [{"severity": "wrong", "step": "connect", "what": "a mark without a name", "count": 1}]
