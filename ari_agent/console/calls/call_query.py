"""What people look for in the list of calls: the query string of the page, and the filters of the store."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ari_agent.console.calls.said_words import SHORTEST, SaidWords
from ari_agent.console.words import query_string, readable
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.store.call_filter import AnyFilter, AnyOf, Filter, FilterField, FilterOp

_LONGEST: Final = 200
"""Characters of one field that are read."""


@dataclass(frozen=True, slots=True)
class CallQuery:
    """What is looked for; "" where it is of no interest. after: the page that begins after this key.

    number: a caller's or a called one, whole or in part. agent: its id, or a part of its name. reason, status,
    direction: as the call object has them. since, until: a day, or day and minute, in UTC. longer_s, shorter_s:
    seconds. words: that were said.
    """

    number: str = ""
    agent: str = ""
    reason: str = ""
    status: str = ""
    direction: str = ""
    since: str = ""
    until: str = ""
    longer_s: str = ""
    shorter_s: str = ""
    words: str = ""
    after: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> CallQuery:
        """Return what a query string asks for; names that are unknown are passed over."""
        return cls(**{name: readable(query.get(name, "")[:_LONGEST]) for name in cls.__slots__})

    def problems(self) -> Sequence[str]:
        """Return what cannot be looked for, in sentences that say what would be right."""
        return [problem for name, check in _CHECKS.items() if (problem := check(getattr(self, name)))]

    def filters(self, of_number: FilterOp = FilterOp.CO, *, named: Collection[str] = ()) -> Sequence[AnyFilter]:
        """Return the conditions, all of which must hold; what is among the problems is none.

        of_number: the number that is looked for is the whole of a call's number, its beginning, or somewhere in it.
        named: the ids of agents with the name that is looked for.
        """
        return tuple(self._filters(of_number, named))

    def sides(self, of_number: FilterOp) -> Sequence[Filter]:
        """Return the conditions that caller or called one has the number; empty where none is looked for."""
        number = _dialled(self.number)
        sides = (FilterField.FROM_NUMBER, FilterField.TO_NUMBER) if number else ()
        return [Filter(side, of_number, number) for side in sides]

    def link(self, **changed: str) -> str:
        """Return the query string for the same search with some fields changed."""
        return query_string({name: changed.get(name, getattr(self, name)) for name in self.__slots__})

    def chips(self) -> Sequence[tuple[str, str, str]]:
        """Return what is looked for, each with its name, and with the query string for the search without it."""
        return [
            (label, value, self.link(**{name: "", "after": ""}))
            for name, label in _LABELS.items()
            if (value := getattr(self, name))
        ]

    def _filters(self, of_number: FilterOp, named: Collection[str]) -> Iterator[AnyFilter]:
        if sides := self.sides(of_number):
            yield AnyOf([[side] for side in sides])
        if self.agent:
            yield Filter(FilterField.AGENT_ID, FilterOp.IN, sorted({self.agent, *named}))
        for field, value in _EXACT.items():
            if (wanted := getattr(self, value)) and not _CHECKS.get(value, _never)(wanted):
                yield Filter(field, FilterOp.EQ, wanted)
        if (since := _moment_ms(self.since)) is not None:
            yield Filter(FilterField.START_TIMESTAMP, FilterOp.GE, since)
        if (until := _moment_ms(self.until)) is not None:
            end = until + (_MINUTE_MS if ":" in self.until else _DAY_MS)
            yield Filter(FilterField.START_TIMESTAMP, FilterOp.LT, end)
        for value, op in ((self.longer_s, FilterOp.GE), (self.shorter_s, FilterOp.LE)):
            if value and not _no_seconds(value):
                yield Filter(FilterField.DURATION_MS, op, int(value) * 1000)


_LABELS: Final[Mapping[str, str]] = {
    "number": "number",
    "agent": "agent",
    "since": "from",
    "until": "to",
    "reason": "ended by",
    "status": "status",
    "direction": "direction",
    "longer_s": "at least, s",
    "shorter_s": "at most, s",
    "words": "words",
}
_DAY_MS: Final = 86_400_000
_MINUTE_MS: Final = 60_000
_EXACT: Final = {
    FilterField.DISCONNECTION_REASON: "reason",
    FilterField.CALL_STATUS: "status",
    FilterField.DIRECTION: "direction",
}


def _dialled(number: str) -> str:
    """Return a number without what people write between its digits."""
    return re.sub(r"[\s()./-]", "", number)


def _moment_ms(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)


def _never(_text: str) -> str:
    return ""


def _no_moment(text: str) -> str:
    return f"“{text}” is no day: write 2026-11-30, or 2026-11-30T14:05" if text and _moment_ms(text) is None else ""


def _no_seconds(text: str) -> str:
    return f"“{text}” is no number of seconds" if text and not (text.isdecimal() and len(text) < _MOST_DIGITS) else ""


def _no_words(text: str) -> str:
    is_too_short = text and not SaidWords.of(text).words
    return f"“{text}” is too short: look for words of {SHORTEST} letters or more" if is_too_short else ""


def _none_of(kind: str, values: Sequence[str]) -> Callable[[str], str]:
    def problem(text: str) -> str:
        return f"“{text}” is no {kind}" if text and text not in values else ""

    return problem


_MOST_DIGITS: Final = 10
REASONS: Final = tuple(reason.value for reason in DisconnectionReason)
STATUSES: Final = tuple(status.value for status in CallStatus)
DIRECTIONS: Final = ("inbound", "outbound")
_CHECKS: Final[Mapping[str, Callable[[str], str]]] = {
    "since": _no_moment,
    "until": _no_moment,
    "longer_s": _no_seconds,
    "shorter_s": _no_seconds,
    "words": _no_words,
    "reason": _none_of("reason", REASONS),
    "status": _none_of("status", STATUSES),
    "direction": _none_of("direction", DIRECTIONS),
}
