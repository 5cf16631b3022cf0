"""The filters of list-calls in SQL: which tables to read, and what must hold.

Each call is a row of `calls`, and each of its attributes and tool calls a row of a table of its own. A filter by an
attribute joins that table, whose index has the calls of one value in the order of the list; what a call must not have,
and its tool calls, are looked up in a subquery.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    and_,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
)

from ari_agent.store.call_filter import AnyFilter, AnyOf, AttributeFilter, Filter, FilterField, FilterOp, ToolCallFilter
from ari_agent.store.call_index import MAX_KEY_CHARACTERS, as_text
from ari_agent.store.column_conditions import compare
from ari_agent.store.tables import call_attributes, call_tool_calls, calls, storable


@dataclass(frozen=True, slots=True)
class MatchingCalls:
    """FROM and WHERE of the calls that fulfil every filter.

    listed_ms, call_id: the columns that the list is sorted by; where there is a filter by an attribute, they are those
    of its table. first_ms, last_ms: the part of the list, both included, in which all these calls are.
    """

    source: FromClause
    conditions: Sequence[ColumnElement[bool]]
    listed_ms: ColumnElement[int]
    call_id: ColumnElement[str]
    first_ms: float
    last_ms: float

    def between(self, first_ms: float, last_ms: float) -> Sequence[ColumnElement[bool]]:
        """The conditions, and that a call is in this part of the list; infinity is no bound."""
        found = list(self.conditions)
        if first_ms > -math.inf:
            found.append(compare(self.listed_ms, FilterOp.GE, math.ceil(first_ms)))
        if last_ms < math.inf:
            found.append(compare(self.listed_ms, FilterOp.LE, math.floor(last_ms)))
        return found


def matching_calls(filters: Sequence[AnyFilter], dialect_name: str) -> MatchingCalls:
    """The calls that fulfil all these filters, each of them once. dialect_name: `sqlite` or `postgresql`."""
    flat = list(_without_single_alternatives(filters))
    wanted = [each for each in flat if isinstance(each, AttributeFilter) and each.op not in NEGATIONS]
    attributes = [call_attributes.alias(f"attribute_{number}") for number in range(len(wanted))]
    needs_calls = not wanted or any(isinstance(each, Filter | AnyOf) for each in flat)
    first, *others = [*attributes, calls] if needs_calls else attributes
    source: FromClause = first
    for other in others:
        source = source.join(other, and_(other.c.call_id == first.c.call_id, other.c.listed_ms == first.c.listed_ms))
    conditions = [
        condition
        for attribute, each in zip(attributes, wanted, strict=True)
        for condition in _attribute_conditions(attribute, each, each.op)
    ]
    for each in flat:
        match each:
            case Filter() | AnyOf():
                conditions.append(_column_condition(each, dialect_name))
            case AttributeFilter(op=op) if op in NEGATIONS:
                conditions.append(_has_not(first, each))
            case ToolCallFilter():
                conditions.append(first.c.call_id.in_(_with_tool_call(each)))
            case _:
                pass
    return MatchingCalls(source, conditions, first.c.listed_ms, first.c.call_id, *_bounds(flat))


def _without_single_alternatives(filters: Sequence[AnyFilter]) -> Iterator[AnyFilter]:
    """An AnyOf of one alternative is what stands in it, which an index can answer."""
    for each in filters:
        if isinstance(each, AnyOf) and len(each.alternatives) == 1:
            yield from each.alternatives[0]
        else:
            yield each


def _bounds(filters: Sequence[AnyFilter]) -> tuple[float, float]:
    """Between which listed_ms all calls with the wanted start_timestamp are: it is the same where there is one."""
    first_ms, last_ms = -math.inf, math.inf
    for wanted in filters:
        if not isinstance(wanted, Filter) or wanted.field is not FilterField.START_TIMESTAMP:
            continue
        match wanted.op:
            case FilterOp.GE | FilterOp.GT:
                first_ms = max(first_ms, wanted.value)
            case FilterOp.LE | FilterOp.LT:
                last_ms = min(last_ms, wanted.value)
            case FilterOp.BT:
                first_ms, last_ms = max(first_ms, wanted.value[0]), min(last_ms, wanted.value[1])
            case _:
                pass
    return first_ms, last_ms


_COARSE: Final = frozenset({FilterField.CALL_STATUS, FilterField.DIRECTION})
"""Fields of a few values, each of which very many calls may have. Every index has both of them."""


def _column_condition(wanted: Filter | AnyOf, dialect_name: str) -> ColumnElement[bool]:
    if isinstance(wanted, AnyOf):
        alternatives = [[_compare_field(each) for each in alternative] for alternative in wanted.alternatives]
        return or_(false(), *(and_(true(), *alternative) for alternative in alternatives))
    condition = _compare_field(wanted)
    if wanted.field in _COARSE and dialect_name == "sqlite":
        # its planner knows the mean of a sample alone, and would look among all ended calls for the few of an agent
        return func.likelihood(condition, literal_column("0.1"))
    return condition


def _compare_field(wanted: Filter) -> ColumnElement[bool]:
    return compare(calls.c[wanted.field.value], wanted.op, wanted.value)


NEGATIONS: Final[Mapping[FilterOp, FilterOp]] = {FilterOp.NE: FilterOp.EQ, FilterOp.NP: FilterOp.PR}
"""What an attribute must not be, by what is asked for: a call without the attribute fulfils these too."""


def _has_not(first: FromClause, wanted: AttributeFilter) -> ColumnElement[bool]:
    """The call has no such attribute. One value is looked up in the order of the list, where its index has it."""
    unwanted = call_attributes.alias("unwanted")
    of_call = (unwanted.c.call_id == first.c.call_id, unwanted.c.listed_ms == first.c.listed_ms)
    return ~exists().where(*of_call, *_attribute_conditions(unwanted, wanted, NEGATIONS[wanted.op]))


def _attribute_conditions(
    attribute: FromClause, wanted: AttributeFilter, op: FilterOp
) -> Sequence[ColumnElement[bool]]:
    key = storable(wanted.key)[:MAX_KEY_CHARACTERS]
    of_key = [attribute.c.kind == wanted.kind.value, attribute.c.key == key]
    if op is FilterOp.PR:
        return of_key
    if wanted.numeric:
        return [*of_key, compare(attribute.c.number, op, wanted.value)]
    return [*of_key, compare(attribute.c.text, op, _attribute_text(wanted.value))]


def _attribute_text(value: Any) -> Any:
    return [as_text(one) for one in value] if isinstance(value, list | tuple) else as_text(value)


def _with_tool_call(wanted: ToolCallFilter) -> Any:
    conditions = [compare(call_tool_calls.c[name], op, value) for name, op, value in wanted.conditions]
    return select(call_tool_calls.c.call_id).where(*conditions)
