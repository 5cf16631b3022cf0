"""Who took a call, and why: the number, the draw and the inbound webhook, out of the call's public log. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ari_agent.console.one_call.call_log import LogLine, number

_MOST_ITEMS: Final = 100
_MOST_CHARACTERS: Final = 20_000
_DRAWN_BY: Final = {
    "chance": "a draw by chance",
    "caller": "a draw by the caller's number: who calls again gets the same agent",
}


@dataclass(frozen=True, slots=True)
class Share:
    """One agent of a draw. percent: of all calls. since, until: which draws are its own, from 0 to 1."""

    agent_id: str
    version: str
    weight: float
    percent: float
    since: float
    until: float
    is_drawn: bool


@dataclass(frozen=True, slots=True)
class WebhookStep:
    """A question to the inbound webhook, or what came of it.

    ms: since the call began. what: in words. content: JSON, or why there is no answer; "" where it is not kept.
    """

    ms: float
    what: str
    content: str


@dataclass(slots=True)
class Routing:
    """What is known of it, in words; "" where nothing is. draw: the number that was drawn, from 0 to 1."""

    dialled: str = ""
    candidates: str = ""
    drawn_by: str = ""
    draw: float | None = None
    shares: Sequence[Share] = ()
    decision: str = ""
    rule: str = ""
    webhook: list[WebhookStep] = field(default_factory=list)


def routing_of(lines: Sequence[LogLine]) -> Routing | None:
    """Return what a log tells of a call's routing; None where that is nothing."""
    found, is_known = Routing(), False
    for line in lines:
        if read := _READ.get(line.event):
            read(found, line)
            is_known = True
        if line.event == "agent_connected":
            break
    return found if is_known else None


def _number(found: Routing, line: LogLine) -> None:
    candidates = line.facts.get("candidates")
    several = [str(each) for each in candidates[:_MOST_ITEMS]] if isinstance(candidates, list) else []
    found.candidates, found.dialled = ", ".join(several), str(line.facts.get("number") or "")


def _draw(found: Routing, line: LogLine) -> None:
    by = str(line.facts.get("by", ""))
    found.drawn_by, found.draw = _DRAWN_BY.get(by, by), number(line.facts.get("dice"))
    weights = line.facts.get("weights")
    agents = [each for each in weights if isinstance(each, dict)] if isinstance(weights, list) else []
    found.shares = _shares(agents[:_MOST_ITEMS], found.draw)


def _shares(agents: Sequence[Mapping[str, Any]], draw: float | None) -> Sequence[Share]:
    weights = [max(0.0, number(agent.get("weight")) or 0.0) for agent in agents]
    total = sum(weights) or 1.0
    shares, since = [], 0.0
    for agent, weight in zip(agents, weights, strict=True):
        until = since + weight / total
        is_drawn = draw is not None and since <= draw < until
        version = agent.get("agent_version")
        shares.append(
            Share(
                str(agent.get("agent_id", "")),
                "the latest" if version is None else str(version),
                weight,
                round(100 * weight / total, 1),
                round(since, 6),
                round(until, 6),
                is_drawn,
            )
        )
        since = until
    return shares


def _routed(found: Routing, line: LogLine) -> None:
    facts = line.facts
    cause = facts.get("q850_cause")
    refused = "turned away" if cause is None else f"turned away with Q.850 cause {cause}"
    version = facts.get("agent_version")
    agent = str(facts.get("agent_id", "")) + ("" if version is None else f" version {version}")
    found.decision = f"connected with {agent}" if facts.get("decision") == "connect" else refused
    found.rule = str(facts.get("rule", ""))


def _asked(found: Routing, line: LogLine) -> None:
    found.webhook.append(_step(line, f"asked {line.facts.get('url', '')}"))


def _answered(found: Routing, line: LogLine) -> None:
    ignored = line.facts.get("ignored")
    left_out = f", {ignored} of its fields ignored" if ignored else ""
    found.webhook.append(_step(line, f"answered at attempt {line.facts.get('attempt', 1)}{left_out}"))


def _failed(found: Routing, line: LogLine) -> None:
    found.webhook.append(_step(line, f"no answer at attempt {line.facts.get('attempt', 1)}"))


_READ: Final = {
    "number": _number,
    "draw": _draw,
    "routed": _routed,
    "inbound_webhook_asked": _asked,
    "inbound_webhook_answered": _answered,
    "inbound_webhook_failed": _failed,
}


def _step(line: LogLine, what: str) -> WebhookStep:
    content = line.facts.get("content")
    told = content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False)
    return WebhookStep(line.ms, what, "" if content is None else told[:_MOST_CHARACTERS])
