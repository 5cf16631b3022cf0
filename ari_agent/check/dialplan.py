"""Reads lines of extensions.conf as `ari-agent check` needs: which enter our application, which lead on. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

_STASIS = re.compile(r"\bStasis\(\s*([^,)\s]+)", re.IGNORECASE)
_JUMP = re.compile(r"\b(?:Goto|GotoIf|Gosub|GosubIf|GotoIfTime)\((.*)\)", re.IGNORECASE)


def enters(line: str, app: str) -> bool:
    """Tell whether a line of the dialplan, such as `n,Stasis(ari_agent)`, enters this application."""
    return app in _STASIS.findall(line)


def other_app(line: str) -> str | None:
    """Return the application that a line enters, whichever it is; None where it enters none."""
    found = _STASIS.search(line)
    return found[1] if found else None


def leads_to(line: str) -> Iterator[str]:
    """Yield the contexts that a line may jump to: `Goto(context,extension,priority)` and its kin, with a fixed name."""
    for arguments in _JUMP.findall(line):
        for target in re.split(r"[?:]", arguments):
            parts = [part.strip() for part in target.split(",")]
            if len(parts) >= 3 and re.fullmatch(r"[\w.-]+", parts[-3]):
                yield parts[-3]
