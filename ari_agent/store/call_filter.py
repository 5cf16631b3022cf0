"""What a list of calls is filtered by: Retell's `filter_criteria` (list-calls v3), which v2's plain lists map onto.

A condition on a column of `calls` is plain SQL. One on an attribute joins `call_attributes`, at most one row of which
fits, or asks that there be none; the join leaves the database free to begin with whichever side is rarer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Double, FromClause, Select, and_, exists, func, literal, or_, select

from ari_agent.store.call_index import MAX_KEY_CHARACTERS, AttributeKind, as_text
from ari_agent.store.tables import call_attributes, call_tool_calls, calls, storable


class FilterField(StrEnum):
    """Keys of the call object that can be filtered on; each is a column."""

    CALL_ID = "call_id"
    CALL_TYPE = "call_type"
    CALL_STATUS = "call_status"
    AGENT_ID = "agent_id"
    AGENT_VERSION = "agent_version"
    AGENT_TAG = "agent_tag"
    DIRECTION = "direction"
    FROM_NUMBER = "from_number"
    TO_NUMBER = "to_number"
    START_TIMESTAMP = "start_timestamp"
    END_TIMESTAMP = "end_timestamp"
    DURATION_MS = "duration_ms"
    DISCONNECTION_REASON = "disconnection_reason"
    BATCH_CALL_ID = "batch_call_id"
    DATA_STORAGE_SETTING = "data_storage_setting"
    USER_SENTIMENT = "user_sentiment"
    IN_VOICEMAIL = "in_voicemail"
    CALL_SUCCESSFUL = "call_successful"
    COMBINED_COST = "combined_cost"
    E2E_LATENCY_P50 = "e2e_latency_p50"


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


@dataclass(frozen=True, slots=True)
class AttributeFilter:
    """One condition on an attribute. numeric: compares numbers, else texts: `true` and `7` are texts too."""

    kind: AttributeKind
    key: str
    op: FilterOp
    value: Any = None
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class ToolCallFilter:
    """There is a tool call that fulfils all of these: (column, op, value)."""

    conditions: Sequence[tuple[str, FilterOp, Any]] = field(default_factory=tuple)


FEW: Final = 1000
"""So many calls are looked through at once rather than walked along an index."""

AnyFilter = Filter | AnyOf | AttributeFilter | ToolCallFilter


def _starts_with(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    # the range is what an index answers; nothing that begins with `text` sorts behind its end
    return and_(column >= text, column <= text + "\U0010ffff" * 4, func.substr(column, 1, len(text)) == text)


def _ends_with(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    # substr(x, 0) and negative starts differ between the databases, so count from the front
    return and_(func.length(column) >= len(text), func.substr(column, func.length(column) - len(text) + 1) == text)


def _one_of(column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    # of one value, an index gives the calls in the order that is asked for
    return column == values[0] if len(values) == 1 else column.in_(list(values))


# LIKE would ignore case in SQLite and not in PostgreSQL, and needs escaping: substr and replace mean the same in both.
_CONDITIONS: Final[Mapping[FilterOp, Callable[[ColumnElement[Any], Any], ColumnElement[bool]]]] = {
    FilterOp.EQ: lambda column, value: column == value,
    FilterOp.NE: lambda column, value: column.is_distinct_from(value),
    FilterOp.SW: _starts_with,
    FilterOp.EW: _ends_with,
    FilterOp.CO: lambda column, value: or_(column == value, func.replace(column, value, "") != column),
    FilterOp.GT: lambda column, value: column > value,
    FilterOp.GE: lambda column, value: column >= value,
    FilterOp.LT: lambda column, value: column < value,
    FilterOp.LE: lambda column, value: column <= value,
    FilterOp.BT: lambda column, value: column.between(value[0], value[1]),
    FilterOp.IN: _one_of,
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


def compare(column: ColumnElement[Any], op: FilterOp, value: Any) -> ColumnElement[bool]:
    """The SQL of a condition on any column."""
    return _CONDITIONS[op](column, _double(value) if isinstance(column.type, Double) else _bindable(value))


def _double(value: Any) -> Any:
    """A number as it is compared with a column of doubles."""
    return [_double(inner) for inner in value] if isinstance(value, list | tuple) else literal(float(value), Double)


@dataclass(slots=True)
class Selection:
    """Which rows a list is made of: FROM, WHERE, and the columns whose order it has."""

    source: FromClause
    where: list[ColumnElement[bool]]
    order: tuple[ColumnElement[Any], ColumnElement[Any]]


def few_of(wanted: AnyFilter) -> Select[int] | None:
    """How many calls have exactly this attribute, counted up to FEW; None for any other filter.

    Neither database knows how common a value of one key is: `tier=gold` and `customer=c81` look the same to them.
    """
    if not isinstance(wanted, AttributeFilter) or not _is_one_value(wanted):
        return None
    found = select(call_attributes.c.call_id).where(*_has(call_attributes, wanted)).limit(FEW)
    return select(func.count()).select_from(found.subquery())


def select_calls(filters: Sequence[AnyFilter], *, rare: Set[int] = frozenset()) -> Selection:
    """The calls that fulfil every filter. rare: the places of those of which `few_of` counted fewer than FEW."""
    chosen = Selection(calls, [], (calls.c.listed_ms, calls.c.call_id))
    for place, a_filter in enumerate(filters):
        if isinstance(a_filter, AttributeFilter):
            _add_attribute(chosen, a_filter, rare=place in rare, alone=len(filters) == 1)
        elif isinstance(a_filter, ToolCallFilter):
            conditions = [compare(call_tool_calls.c[name], op, value) for name, op, value in a_filter.conditions]
            chosen.where.append(exists().where(call_tool_calls.c.call_id == calls.c.call_id, *conditions))
        else:
            chosen.where.append(condition(a_filter))
    return chosen


def condition(a_filter: Filter | AnyOf) -> ColumnElement[bool]:
    """The SQL of a filter by columns."""
    if isinstance(a_filter, AnyOf):
        return or_(*(and_(*map(condition, alternative)) for alternative in a_filter.alternatives))
    found = compare(calls.c[a_filter.field.value], a_filter.op, a_filter.value)
    if a_filter.field is FilterField.START_TIMESTAMP and a_filter.op in _COMPARISONS:
        # the sort key is the same where there is a start: this is the condition that an index answers
        return and_(found, compare(calls.c.listed_ms, a_filter.op, a_filter.value))
    return found


def _add_attribute(chosen: Selection, wanted: AttributeFilter, *, rare: bool, alone: bool) -> None:
    attribute = call_attributes.alias()
    if wanted.op in (FilterOp.NE, FilterOp.NP) or (_is_one_value(wanted) and not (rare or alone)):
        # of each call that the other filters find, ask for this attribute
        of_call = exists(select(attribute).where(attribute.c.call_id == calls.c.call_id, *_has(attribute, wanted)))
        chosen.where.append(~of_call if wanted.op in (FilterOp.NE, FilterOp.NP) else of_call)
    else:
        chosen.source = chosen.source.join(attribute, attribute.c.call_id == calls.c.call_id)
        chosen.where += _has(attribute, wanted)
        if _is_one_value(wanted):
            chosen.order = (attribute.c.listed_ms, attribute.c.call_id)


def _is_one_value(wanted: AttributeFilter) -> bool:
    return wanted.op is FilterOp.EQ or (wanted.op is FilterOp.IN and len(wanted.value) == 1)


def _has(attribute: FromClause, wanted: AttributeFilter) -> list[ColumnElement[bool]]:
    """The attribute is there, with the value; for `ne`, with the value that is not to be."""
    of_key = [attribute.c.kind == wanted.kind.value, attribute.c.key == storable(wanted.key)[:MAX_KEY_CHARACTERS]]
    if wanted.op in (FilterOp.PR, FilterOp.NP):
        return of_key
    return [*of_key, _compare(attribute, FilterOp.EQ if wanted.op is FilterOp.NE else wanted.op, wanted)]


def _compare(attribute: FromClause, op: FilterOp, wanted: AttributeFilter) -> ColumnElement[bool]:
    if wanted.numeric:
        return compare(attribute.c.number, op, wanted.value)
    texts = [as_text(value) for value in wanted.value] if op is FilterOp.IN else as_text(wanted.value)
    return compare(attribute.c.text, op, texts)
