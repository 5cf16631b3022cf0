"""The filters of lists in SQL: which tables to read, and what must hold, alike in SQLite and PostgreSQL.

Each call is a row of `calls`, and each of its attributes and tool calls a row of a table of its own. A filter by an
attribute joins that table, whose index has the calls of one value in the order of the list; what a call must not have,
and its tool calls, are looked up in a subquery.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from ari_agent.store.call_filter import AnyFilter, AnyOf, AttributeFilter, Filter, FilterField, FilterOp, ToolCallFilter
from ari_agent.store.call_index import MAX_KEY_CHARACTERS, as_text
from ari_agent.store.tables import call_attributes, call_tool_calls, calls, storable


@dataclass(frozen=True, slots=True)
class MatchingCalls:
    """FROM and WHERE of the calls that fulfil every filter.

    listed_ms, call_id: the columns that the list is sorted by; where there is a filter by an attribute, they are those
    of its table. first_ms, last_ms: the part of the list, both included, in which all these calls are.
    """

    source: sa.FromClause
    conditions: Sequence[sa.ColumnElement[bool]]
    listed_ms: sa.ColumnElement[int]
    call_id: sa.ColumnElement[str]
    first_ms: float
    last_ms: float

    def between(self, first_ms: float, last_ms: float) -> Sequence[sa.ColumnElement[bool]]:
        """The conditions, and that a call is in this part of the list; infinity is no bound."""
        found = list(self.conditions)
        if first_ms > -math.inf:
            found.append(compare(self.listed_ms, FilterOp.GE, math.ceil(first_ms)))
        if last_ms < math.inf:
            found.append(compare(self.listed_ms, FilterOp.LE, math.floor(last_ms)))
        return found


def matching_calls(filters: Sequence[AnyFilter], dialect_name: str) -> MatchingCalls:
    """The calls that fulfil all these filters, each of them once. dialect_name: `sqlite` or `postgresql`."""
    wanted = [each for each in filters if isinstance(each, AttributeFilter) and each.op not in NEGATIONS]
    attributes = [call_attributes.alias(f"attribute_{number}") for number in range(len(wanted))]
    needs_calls = not wanted or any(isinstance(each, Filter | AnyOf) for each in filters)
    first, *others = [*attributes, calls] if needs_calls else attributes
    source: sa.FromClause = first
    for other in others:
        source = source.join(other, sa.and_(other.c.call_id == first.c.call_id, other.c.listed_ms == first.c.listed_ms))
    conditions: list[sa.ColumnElement[bool]] = []
    for attribute, of_attribute in zip(attributes, wanted, strict=True):
        conditions += _attribute_conditions(attribute, of_attribute, of_attribute.op)
    # what is dear to look up comes last
    for each in sorted(filters, key=lambda each: isinstance(each, AttributeFilter)):
        if isinstance(each, ToolCallFilter):
            conditions.append(first.c.call_id.in_(_with_tool_call(each)))
        elif isinstance(each, Filter | AnyOf):
            conditions.append(_column_condition(each, dialect_name))
        elif each.op in NEGATIONS:
            conditions.append(_has_not(first, each, dialect_name))
    return MatchingCalls(source, conditions, first.c.listed_ms, first.c.call_id, *_bounds(filters))


_BOUNDS: Final[Mapping[FilterOp, Callable[[Any], tuple[float, float]]]] = {
    **dict.fromkeys((FilterOp.GE, FilterOp.GT), lambda value: (value, math.inf)),
    **dict.fromkeys((FilterOp.LE, FilterOp.LT), lambda value: (-math.inf, value)),
    FilterOp.BT: lambda value: value,
}


def _bounds(filters: Sequence[AnyFilter]) -> tuple[float, float]:
    """Between which listed_ms all calls with the wanted start_timestamp are: it is the same where there is one."""
    wanted = [each for each in filters if isinstance(each, Filter) and each.field is FilterField.START_TIMESTAMP]
    found = [_BOUNDS[each.op](each.value) for each in wanted if each.op in _BOUNDS]
    return max((first for first, _ in found), default=-math.inf), min((last for _, last in found), default=math.inf)


_COARSE: Final = frozenset({FilterField.CALL_STATUS, FilterField.DIRECTION})
"""Fields of a few values, each of which very many calls may have. Every index has both of them."""


def _column_condition(wanted: Filter | AnyOf, dialect_name: str) -> sa.ColumnElement[bool]:
    if isinstance(wanted, AnyOf):
        alternatives = [[_column_condition(each, "") for each in alternative] for alternative in wanted.alternatives]
        return sa.or_(sa.false(), *(sa.and_(sa.true(), *alternative) for alternative in alternatives))
    condition = compare(calls.c[wanted.field.value], wanted.op, wanted.value)
    if wanted.field in _COARSE and dialect_name == "sqlite":
        # its planner knows the mean of a sample alone, and would look among all ended calls for the few of an agent
        return sa.func.likelihood(condition, sa.literal_column("0.1"))
    return condition


NEGATIONS: Final[Mapping[FilterOp, FilterOp]] = {FilterOp.NE: FilterOp.EQ, FilterOp.NP: FilterOp.PR}
"""What an attribute must not be, by what is asked for: a call without the attribute fulfils these too."""


def _has_not(first: sa.FromClause, wanted: AttributeFilter, dialect_name: str) -> sa.ColumnElement[bool]:
    """The call has no such attribute. PostgreSQL makes a join of it, SQLite reads the unwanted in the list's order."""
    other = call_attributes.alias("unwanted")
    conditions = _attribute_conditions(other, wanted, NEGATIONS[wanted.op])
    if dialect_name == "sqlite":
        return _place(first).not_in(sa.select(_place(other)).where(*conditions))
    return ~sa.exists().where(other.c.call_id == first.c.call_id, other.c.listed_ms == first.c.listed_ms, *conditions)


def _place(table: sa.FromClause) -> sa.ColumnElement[str]:
    return table.c.listed_ms.cast(sa.String) + ":" + table.c.call_id


def _attribute_conditions(
    attribute: sa.FromClause, wanted: AttributeFilter, op: FilterOp
) -> Sequence[sa.ColumnElement[bool]]:
    key = storable(wanted.key)[:MAX_KEY_CHARACTERS]
    of_key = [attribute.c.kind == wanted.kind.value, attribute.c.key == key]
    if op is FilterOp.PR:
        return of_key
    if wanted.numeric:
        return [*of_key, compare(attribute.c.number, op, wanted.value)]
    value = wanted.value
    text = [as_text(one) for one in value] if isinstance(value, list | tuple) else as_text(value)
    return [*of_key, compare(attribute.c.text, op, text)]


def _with_tool_call(wanted: ToolCallFilter) -> Any:
    conditions = [compare(call_tool_calls.c[name], op, value) for name, op, value in wanted.conditions]
    return sa.select(call_tool_calls.c.call_id).where(*conditions)


def _starts_with(column: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool]:
    # the range is what an index answers; nothing that begins with `text` sorts behind its end
    return sa.and_(column >= text, column <= text + "\U0010ffff" * 4, sa.func.substr(column, 1, len(text)) == text)


def _ends_with(column: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool]:
    # substr(x, 0) and negative starts differ between the databases, so count from the front
    return sa.and_(
        sa.func.length(column) >= len(text), sa.func.substr(column, sa.func.length(column) - len(text) + 1) == text
    )


# LIKE would ignore case in SQLite and not in PostgreSQL, and needs escaping: substr and replace mean the same in both.
_CONDITIONS: Final[Mapping[FilterOp, Callable[[sa.ColumnElement[Any], Any], sa.ColumnElement[bool]]]] = {
    FilterOp.EQ: lambda column, value: column == value,
    FilterOp.NE: lambda column, value: column.is_distinct_from(value),
    FilterOp.SW: _starts_with,
    FilterOp.EW: _ends_with,
    FilterOp.CO: lambda column, value: sa.func.replace(column, value, "") != column if value else column.is_not(None),
    FilterOp.GT: lambda column, value: column > value,
    FilterOp.GE: lambda column, value: column >= value,
    FilterOp.LT: lambda column, value: column < value,
    FilterOp.LE: lambda column, value: column <= value,
    FilterOp.BT: lambda column, value: column.between(value[0], value[1]),
    FilterOp.IN: lambda column, values: column == values[0] if len(values) == 1 else column.in_(list(values)),
    FilterOp.PR: lambda column, _: column.is_not(None),
    FilterOp.NP: lambda column, _: column.is_(None),
}


_LARGEST: Final = 2**63 - 1


def _bindable(value: Any) -> Any:
    """A client's value as both databases take it: PostgreSQL compares its integers with neither 1.5 nor 10**30."""
    match value:
        case str():
            return storable(value)
        case bool():
            return value
        case float():
            return _bindable(int(value)) if value.is_integer() else sa.literal(value, sa.Double)
        case int():
            return max(-_LARGEST, min(_LARGEST, value))
        case list() | tuple():
            return [_bindable(inner) for inner in value]
        case _:
            return value


def compare(column: sa.ColumnElement[Any], op: FilterOp, value: Any) -> sa.ColumnElement[bool]:
    """Return the SQL for a condition on any column."""
    return _CONDITIONS[op](column, _double(value) if isinstance(column.type, sa.Double) else _bindable(value))


def _double(value: Any) -> Any:
    """Return a number, or a list of them, as SQL that compares with a column of doubles."""
    several = isinstance(value, list | tuple)
    return [_double(inner) for inner in value] if several else sa.literal(float(value), sa.Double)
