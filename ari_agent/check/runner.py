"""Runs the checks of a table side by side, each with a time limit, and all of them within another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, TypeVar

from ari_agent.check.finding import Finding, Status, failed, skipped
from ari_agent.check.report import Entry
from ari_agent.errors import AriAgentError

log = logging.getLogger(__name__)

PATIENCE_S: Final = 7.0
"""How long one check may take."""
WHOLE_S: Final = 14.0
"""How long all checks together may take, without what they then take back: a channel in Asterisk, for example."""

Subject = TypeVar("Subject")


@dataclass(frozen=True, slots=True)
class Check(Generic[Subject]):
    """One line of the table of checks.

    look: returns what it finds, for each thing that it looks at. needs: names of checks that stand above it and must
    not have failed; where one has, this one is skipped.
    """

    group: str
    name: str
    look: Callable[[Subject], Awaitable[list[Finding]]]
    needs: tuple[str, ...] = ()


Tell = Callable[[Sequence[Entry]], None]
"""Is told what one check has found, as soon as it has."""


def _tell_nobody(_: Sequence[Entry]) -> None:
    pass


async def run_checks(
    checks: Sequence[Check[Subject]],
    subject: Subject,
    *,
    patience_s: float = PATIENCE_S,
    whole_s: float = WHOLE_S,
    tell: Tell = _tell_nobody,
) -> list[Entry]:
    """Return what the checks found, in the order of the table. Raises nothing.

    patience_s: for each check. whole_s: for all; each then has what is left.
    """
    give_up_s = asyncio.get_running_loop().time() + whole_s
    tasks: dict[str, asyncio.Task[list[Finding]]] = {}
    async with asyncio.TaskGroup() as group:
        for check in checks:
            needed = {name: tasks[name] for name in check.needs}
            tasks[check.name] = group.create_task(_found(check, subject, needed, patience_s, give_up_s))
            tasks[check.name].add_done_callback(partial(_told, check, tell))
    return [entry for check in checks for entry in _entries(check, tasks[check.name])]


def _told(check: Check[Subject], tell: Tell, task: asyncio.Task[list[Finding]]) -> None:
    tell(_entries(check, task))


def _entries(check: Check[Subject], task: asyncio.Task[list[Finding]]) -> list[Entry]:
    if task.cancelled():
        return []
    return [Entry(check.group, check.name, finding) for finding in task.result()]


async def _found(
    check: Check[Subject],
    subject: Subject,
    needed: Mapping[str, asyncio.Task[list[Finding]]],
    patience_s: float,
    give_up_s: float,
) -> list[Finding]:
    for name, task in needed.items():
        if any(finding.status in (Status.FAILED, Status.SKIPPED) for finding in await task):
            return skipped(f"not looked at: {name} has to be ok first")
    left_s = min(patience_s, give_up_s - asyncio.get_running_loop().time())
    try:
        async with asyncio.timeout(left_s):
            return await check.look(subject)
    except TimeoutError:
        return failed(f"no answer within {max(left_s, 0):.0f} s", "see whether whoever is asked here is overloaded")
    except AriAgentError as error:
        return failed(str(error), "look at the lines above first")
    except Exception as error:  # a defect of one check must not hide what the others have found
        log.exception("a check broke")
        return failed(f"the check itself broke: {type(error).__name__}", "please report this")
