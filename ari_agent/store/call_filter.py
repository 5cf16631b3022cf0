"""What a list of calls is filtered by: Retell's `filter_criteria` (list-calls v3), which v2's plain lists map onto."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Double, and_, func, literal, or_

from ari_agent.store.tables import calls, storable


class FilterField(StrEnum):
    """Keys of the call object that can be filtered on."""

    CALL_ID = "call_id"
    CALL_TYPE = "call_type"
    CALL_STATUS = "call_status"
    AGENT_ID = "agent_id"
    AGENT_VERSION = "agent_version"
    DIRECTION = "direction"
    FROM_NUMBER = "from_number"
    TO_NUMBER = "to_number"
    START_TIMESTAMP = "start_timestamp"
    END_TIMESTAMP = "end_timestamp"
    DURATION_MS = "duration_ms"
    DISCONNECTION_REASON = "disconnection_reason"
    BATCH_CALL_ID = "batch_call_id"


class FilterOp(StrEnum):
    """`op`, as list-calls v3 spells it: starts with, ends with, contains, between (both ends in), present, not."""

    EQ = "eq"
    NE = "ne"
    SW = "sw"
    EW = "ew"
    CO = "co"
    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"
    BT = "bt"
    IN = "in"
    PR = "pr"
    NP = "np"


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition. value: of the field's type; for `bt` a pair, for `in` a sequence, for `pr` and `np` nothing.

    A call whose field is unset fulfils only `ne` and `np`.
    """

    field: FilterField
    op: FilterOp
    value: Any = None


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Fulfilled if all filters of at least one alternative are, as in `agent: [{agent_id, version[]}, ...]`."""

    alternatives: Sequence[Sequence[Filter]]


def _ends_with(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    # substr(x, 0) and negative starts differ between the databases, so count from the front
    return and_(func.length(column) >= len(text), func.substr(column, func.length(column) - len(text) + 1) == text)


# LIKE would ignore case in SQLite and not in PostgreSQL, and needs escaping: substr and replace mean the same in both.
_CONDITIONS: Final[Mapping[FilterOp, Callable[[ColumnElement[Any], Any], ColumnElement[bool]]]] = {
    FilterOp.EQ: lambda column, value: column == value,
    FilterOp.NE: lambda column, value: column.is_distinct_from(value),
    FilterOp.SW: lambda column, value: func.substr(column, 1, len(value)) == value,
    FilterOp.EW: _ends_with,
    FilterOp.CO: lambda column, value: or_(column == value, func.replace(column, value, "") != column),
    FilterOp.GT: lambda column, value: column > value,
    FilterOp.GE: lambda column, value: column >= value,
    FilterOp.LT: lambda column, value: column < value,
    FilterOp.LE: lambda column, value: column <= value,
    FilterOp.BT: lambda column, value: column.between(value[0], value[1]),
    FilterOp.IN: lambda column, value: column.in_(list(value)),
    FilterOp.PR: lambda column, _: column.is_not(None),
    FilterOp.NP: lambda column, _: column.is_(None),
}


_COMPARISONS: Final = frozenset(
    {FilterOp.EQ, FilterOp.GT, FilterOp.GE, FilterOp.LT, FilterOp.LE, FilterOp.BT, FilterOp.IN}
)
_LARGEST: Final = 2**63 - 1


def _bindable(value: Any) -> Any:
    """A client's value as both databases take it: PostgreSQL compares its integers with neither 1.5 nor 10**30."""
    match value:
        case str():
            return storable(value)
        case bool():
            return value
        case float():
            return _bindable(int(value)) if value.is_integer() else literal(value, Double)
        case int():
            return max(-_LARGEST, min(_LARGEST, value))
        case list() | tuple():
            return [_bindable(inner) for inner in value]
        case _:
            return value


def condition(a_filter: Filter | AnyOf) -> ColumnElement[bool]:
    """The SQL of a filter."""
    if isinstance(a_filter, AnyOf):
        return or_(*(and_(*map(condition, alternative)) for alternative in a_filter.alternatives))
    make, value = _CONDITIONS[a_filter.op], _bindable(a_filter.value)
    found = make(calls.c[a_filter.field.value], value)
    if a_filter.field is FilterField.START_TIMESTAMP and a_filter.op in _COMPARISONS:
        # the sort key is the same where there is a start: this is the condition that an index answers
        return and_(found, make(calls.c.listed_ms, value))
    return found
