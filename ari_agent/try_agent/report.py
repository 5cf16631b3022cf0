"""Tells a trial call step by step, as text while it happens or as one JSON object at its end. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ari_agent.one_line import one_line
from ari_agent.try_agent.findings import Finding, Findings, Severity

STEPS: Final[Mapping[str, str]] = {
    "connect": "the agent is dialled while the caller hears ringing",
    "start": "the call is answered",
    "speech": "the caller speaks",
    "key": "the caller presses a key",
    "interruption": "the caller interrupts the agent",
    "hold": "the caller puts the call on hold",
    "hang_up": "the caller hangs up",
}
"""The steps of a trial call, in order, each with the sentence that is printed for it."""


@dataclass(slots=True)
class Step:
    """One step. tried: whether it came to it. seen: what happened, in words. ms: what was measured, by name.

    messages: how many messages of each kind the agent sent meanwhile. failed: it could not be done.
    """

    name: str
    tried: bool = False
    seen: list[str] = field(default_factory=list)
    ms: dict[str, int] = field(default_factory=dict)
    messages: dict[str, int] = field(default_factory=dict)
    failed: bool = False


class Report:
    """The report of one trial call. show: prints a line; findings: what was wrong, with the step it was found in."""

    def __init__(self, findings: Findings, show: Callable[[str], None]) -> None:
        self.findings = findings
        self._show: Callable[[str], None] = lambda text: show(one_line(text))  # an agent's words may command a terminal
        self.steps = {name: Step(name) for name in STEPS}

    def begin(self, name: str) -> Step:
        """Begin a step of STEPS: what is found from now on belongs to it."""
        self.findings.step = name
        step = self.steps[name]
        step.tried = True
        return step

    def end(self, step: Step) -> None:
        """Print a step that is over, with what was found in it."""
        found = self.findings.of(step.name)
        self._show(f"{_sign(step, found)} {STEPS[step.name]}: {'; '.join(step.seen) or 'nothing was seen'}")
        for finding in found:
            self._show_finding(finding)

    def leave_out(self, why: str) -> None:
        """Print that the steps that were not tried were left out, and why."""
        names = [STEPS[name] for name, step in self.steps.items() if not step.tried]
        if names:
            self._show(f"- not tried: {', '.join(names)}: {why}")

    def end_of_call(self) -> None:
        """Print what was found when the call was over, and looked at as a whole."""
        for finding in self.findings.of(""):
            self._show_finding(finding)

    def say(self, text: str) -> None:
        """Print a line beside the steps."""
        self._show(text)

    def _show_finding(self, finding: Finding) -> None:
        times = f" ({finding.count} times)" if finding.count > 1 else ""
        self._show(f"    {finding.severity.value}: {finding.what}{times}")
        if finding.right:
            self._show(f"      right: {finding.right}")
        if finding.example:
            self._show(f"      it sent: {finding.example}")

    def as_json(self) -> dict[str, object]:
        """Return steps and findings as JSON values."""
        steps = [
            {"step": step.name, "tried": step.tried, "seen": step.seen, "ms": step.ms, "messages": step.messages}
            for step in self.steps.values()
        ]
        return {"steps": steps, "findings": [finding.as_json() for finding in self.findings]}


def _sign(step: Step, found: list[Finding]) -> str:
    if step.failed or any(finding.severity is Severity.WRONG for finding in found):
        return "✗"
    return "!" if found else "✓"
