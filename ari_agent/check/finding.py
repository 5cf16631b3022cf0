"""What one check of `ari-agent check` has found, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    """How serious a finding is. FAILED: calls do not work, or will not. SKIPPED: it could not be looked at."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of looking at one thing.

    what: what was found, in plain words, without a full stop. remedy: what to do about it; `""` where nothing is.
    """

    status: Status
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}" if self.remedy else self.what


def ok(what: str) -> list[Finding]:
    """Return the one finding that all is well. what: what was looked at."""
    return [Finding(Status.OK, what)]


def warning(what: str, remedy: str) -> list[Finding]:
    """Return the one finding of something that works less well than it could, or harms something besides calls."""
    return [Finding(Status.WARNING, what, remedy)]


def failed(what: str, remedy: str) -> list[Finding]:
    """Return the one finding of something that calls need and that does not work."""
    return [Finding(Status.FAILED, what, remedy)]


def skipped(what: str) -> list[Finding]:
    """Return the one finding of something that was not looked at. what: why not."""
    return [Finding(Status.SKIPPED, what)]
