"""Reads lines of extensions.conf as `ari-agent check` needs: which enter our application, which lead on. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

_STASIS = re.compile(r"\bStasis\(\s*([^,)\s]+)", re.IGNORECASE)
_JUMP = re.compile(r"\b(?:Goto|GotoIf|Gosub|GosubIf|GotoIfTime)\((.*)\)", re.IGNORECASE)


def enters(line: str, app: str, shared: Collection[str] = ()) -> bool:
    """Tell whether a line of the dialplan, such as `n,Stasis(ari_agent)`, enters this application.

    shared: the applications of which a line with a variable, `Stasis(${ARI_AGENT_APP})`, enters one.
    """
    names = _STASIS.findall(line)
    return app in names or (app in shared and any(name.startswith("$") for name in names))


def other_app(line: str) -> str | None:
    """Return the application that a line enters; None where it enters none, or a variable says which."""
    found = _STASIS.search(line)
    return found[1] if found and not found[1].startswith("$") else None


def leads_to(line: str) -> Iterator[str]:
    """Yield the contexts that a line may jump to: `Goto(context,extension,priority)` and its kin, with a fixed name."""
    for arguments in _JUMP.findall(line):
        for target in re.split(r"[?:]", arguments):
            parts = [part.strip() for part in target.split(",")]
            if len(parts) >= 3 and re.fullmatch(r"[\w.-]+", parts[-3]):
                yield parts[-3]
