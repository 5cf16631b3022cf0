"""What one check of `ari-agent check` has found, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. Its text is what `ari-agent check` prints after the name.

    what: the name of the thing that was looked at. problem: what is wrong and what to do; None where calls work.
    warning: what does not work besides calls that come in, or could not be looked at, and what to do.
    """

    what: str
    problem: str | None = None
    warning: str | None = None

    def __str__(self) -> str:
        if self.problem:
            return self.problem
        return f"ok, but {self.warning}" if self.warning else "ok"
