"""What was wrong or strange about an agent in a trial call, each thing once and with the number of times. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

_MAX_FINDINGS: Final = 100
_MAX_EXAMPLE_CHARACTERS: Final = 300


class Severity(Enum):
    """How bad a finding is: WRONG is against the protocol or leaves a caller in silence, REMARK works all the same."""

    WRONG = "wrong"
    REMARK = "remark"


@dataclass(slots=True)
class Finding:
    """One thing that was found.

    step: in which step of the call it was found first. what: in words. right: what would be right, "" where `what`
    says it. example: what the agent sent, at most 300 characters. count: how often it was found.
    """

    severity: Severity
    step: str
    what: str
    right: str = ""
    example: str = ""
    count: int = 1

    def as_json(self) -> dict[str, object]:
        """Return the finding as an object of JSON values, without what is empty."""
        fields = {"severity": self.severity.value, "step": self.step, "what": self.what, "count": self.count}
        return fields | {name: text for name in ("right", "example") if (text := getattr(self, name))}


class Findings:
    """The findings of one trial call, in order. step: the step that is being done, set by whoever does it."""

    def __init__(self) -> None:
        self.step = ""
        self._found: dict[tuple[Severity, str], Finding] = {}

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._found.values())

    @property
    def ok(self) -> bool:
        """Return whether nothing is WRONG."""
        return not any(finding.severity is Severity.WRONG for finding in self)

    def of(self, step: str) -> list[Finding]:
        """Return what was found first in this step."""
        return [finding for finding in self if finding.step == step]

    def wrong(self, what: str, *, right: str = "", example: str = "") -> None:
        """Note something that is against the protocol, or that leaves a caller in silence."""
        self._add(Finding(Severity.WRONG, self.step, what, right, example[:_MAX_EXAMPLE_CHARACTERS]))

    def remark(self, what: str, *, right: str = "", example: str = "") -> None:
        """Note something that works, and of which the agent's writer should know."""
        self._add(Finding(Severity.REMARK, self.step, what, right, example[:_MAX_EXAMPLE_CHARACTERS]))

    def _add(self, finding: Finding) -> None:
        key = finding.severity, finding.what
        if known := self._found.get(key):
            known.count += 1
        elif len(self._found) < _MAX_FINDINGS:
            self._found[key] = finding
