"""The settings of agents without effect, as docs/http-api.md lists them:

python -m tests.contract.without_effect_table docs/http-api.md
"""

from __future__ import annotations

import sys
from typing import Final

from ari_agent.contract.without_effect import WITHOUT_EFFECT, AgentKind
from tests.made_part import write

BEGIN: Final = "<!-- made by python -m tests.contract.without_effect_table docs/http-api.md -->"
KINDS: Final = {AgentKind.AUDIO: "audio agents", AgentKind.TEXT: "text agents", AgentKind.CHAT: "chat agents"}


def table() -> str:
    """A row for each reason, with the settings that it holds for."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for entry in WITHOUT_EFFECT:
        agents = (
            "all" if len(entry.kinds) == len(KINDS) else ", ".join(KINDS[kind] for kind in KINDS if kind in entry.kinds)
        )
        values = "all" if entry.values is None else ", ".join(f"`{value}`" for value in sorted(entry.values))
        rows.setdefault((agents, values, entry.why), []).append(f"`{entry.name}`")
    lines = ["| setting | values | agents | because |", "|---|---|---|---|"]
    lines += [f"| {', '.join(names)} | {values} | {agents} | {why} |" for (agents, values, why), names in rows.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    write(sys.argv[1:], BEGIN, table)
