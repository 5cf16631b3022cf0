"""The arguments of Stasis(ari_agent,...): which agent takes the call, how it is drawn, and variables. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ari_agent.routing.agent_choice import AgentChoice

_RANDOM, _BY_CALLER = "random", "caller"
_ARGUMENT: Final = re.compile(r"\s*([A-Za-z0-9_.\-]{1,128})\s*=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class StasisArguments:
    """The arguments of one Stasis(), read.

    agent: instead of one of the dialled number's, or None. variables: dynamic variables of the call. ignored: arguments
    that mean nothing here, for the log. sticky: the same caller is to get the same one of the number's agents.
    to_number: what was dialled, where the dialplan says so; else None.
    """

    agent: AgentChoice | None
    variables: Mapping[str, str]
    ignored: Sequence[str] = ()
    sticky: bool = False
    to_number: str | None = None


def parse_arguments(arguments: Sequence[str]) -> StasisArguments:
    """Read the arguments that name the agent or what was dialled; other `name=value` are dynamic variables.

    `agent_id=`, `agent_version=`, `agent_draw=caller` and `to_number=` have a meaning of their own. An argument
    without `=` is ignored, and so is an `agent_draw` other than `random` and `caller`.
    """
    values: dict[str, str] = {}
    ignored = []
    for argument in arguments:
        if match := _ARGUMENT.fullmatch(argument):
            values[match[1]] = match[2]
        elif argument:
            ignored.append(argument)
    agent_id = values.pop("agent_id", None)
    version: str | int | None = values.pop("agent_version", None)
    if version is not None and re.fullmatch(r"[0-9]{1,9}", str(version)):
        version = int(version)
    drawn_by = values.pop("agent_draw", _RANDOM).strip()
    if drawn_by not in (_RANDOM, _BY_CALLER):
        ignored.append(f"agent_draw={drawn_by}")
    agent = AgentChoice(agent_id, version) if agent_id else None
    to_number = values.pop("to_number", "").strip() or None
    return StasisArguments(agent, values, ignored, sticky=drawn_by == _BY_CALLER, to_number=to_number)
