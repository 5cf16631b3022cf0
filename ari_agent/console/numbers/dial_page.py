""" "What if I dialled": whether a number may dial somebody, by which rule, through which trunk and at which price."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Literal

from aiohttp import web

from ari_agent.calls.dial_trial import KINDS, DialTrial, Kind
from ari_agent.console.dependencies import PAGES, SESSION
from ari_agent.console.numbers.number_list import tools_of
from ari_agent.console.words import readable
from ari_agent.errors import CallError

_LONGEST: Final = 300
"""Characters of one field that are read: longer than any destination."""


@dataclass(frozen=True, slots=True)
class DialQuestion:
    """What the form asks; "" where a field is empty. kind: a call, or a transfer of one."""

    from_number: str
    to: str
    agent: str
    kind: Kind

    @classmethod
    def of(cls, request: web.Request) -> DialQuestion:
        """Return what the query string asks."""
        given = {name: readable(request.query.get(name, "")[:_LONGEST]) for name in ("from", "to", "agent", "kind")}
        kind: Literal["call", "transfer"] = "transfer" if given["kind"] == "transfer" else "call"
        return cls(given["from"], given["to"], given["agent"], kind)


async def show_dial(request: web.Request) -> web.Response:
    """Show the form and, where it was filled in, what would happen. Nobody is dialled, and nothing is counted."""
    question, found, problem = DialQuestion.of(request), None, ""
    if question.to:
        try:
            found = await _tried(request, question)
        except CallError as error:
            problem = str(error)
    return await asyncio.to_thread(
        request.app[PAGES].page,
        "dial.html",
        request[SESSION],
        question=question,
        kinds=KINDS,
        found=found,
        problem=problem,
    )


async def _tried(request: web.Request, question: DialQuestion) -> DialTrial:
    return await tools_of(request).dials.run(
        from_number=question.from_number, to=question.to, kind=question.kind, agent_id=question.agent
    )
