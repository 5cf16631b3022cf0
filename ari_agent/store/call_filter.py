"""What a list of calls is filtered by: Retell's `filter_criteria` (list-calls v3), which v2's plain lists map onto.

`call_segments.py` decides which calls fulfil a filter; what an index of the database finds at once is asked for here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Double, Select, and_, func, literal, select

from ari_agent.store.call_index import MAX_KEY_CHARACTERS, AttributeKind, as_text
from ari_agent.store.tables import call_attributes, calls, storable


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


AnyFilter = Filter | AnyOf | AttributeFilter | ToolCallFilter


def _starts_with(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    # the range is what an index answers; nothing that begins with `text` sorts behind its end
    return and_(column >= text, column <= text + "\U0010ffff" * 4, func.substr(column, 1, len(text)) == text)


def _ends_with(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    # substr(x, 0) and negative starts differ between the databases, so count from the front
    return and_(func.length(column) >= len(text), func.substr(column, func.length(column) - len(text) + 1) == text)


# LIKE would ignore case in SQLite and not in PostgreSQL, and needs escaping: substr and replace mean the same in both.
_CONDITIONS: Final[Mapping[FilterOp, Callable[[ColumnElement[Any], Any], ColumnElement[bool]]]] = {
    FilterOp.EQ: lambda column, value: column == value,
    FilterOp.NE: lambda column, value: column.is_distinct_from(value),
    FilterOp.SW: _starts_with,
    FilterOp.EW: _ends_with,
    FilterOp.CO: lambda column, value: func.replace(column, value, "") != column if value else column.is_not(None),
    FilterOp.GT: lambda column, value: column > value,
    FilterOp.GE: lambda column, value: column >= value,
    FilterOp.LT: lambda column, value: column < value,
    FilterOp.LE: lambda column, value: column <= value,
    FilterOp.BT: lambda column, value: column.between(value[0], value[1]),
    FilterOp.IN: lambda column, values: column.in_(list(values)),
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


_OFTEN_RARE: Final = frozenset(
    {FilterField.CALL_ID, FilterField.FROM_NUMBER, FilterField.TO_NUMBER, FilterField.BATCH_CALL_ID}
)


def by_index(wanted: AnyFilter) -> Select[str] | None:
    """The call_ids that fulfil the filter, read from an index; None if there is none or it would have to be walked."""
    if isinstance(wanted, Filter) and wanted.field in _OFTEN_RARE:
        column, order = calls.c[wanted.field.value], (calls.c.listed_ms, calls.c.call_id)
        found = select(calls.c.call_id)
    elif isinstance(wanted, AttributeFilter) and not wanted.numeric:
        column, order = call_attributes.c.text, (call_attributes.c.listed_ms, call_attributes.c.call_id)
        found = select(call_attributes.c.call_id).where(*of_key(wanted))
    else:
        return None
    value = wanted.value if isinstance(wanted, Filter) else attribute_texts(wanted.value)
    if wanted.op not in (FilterOp.EQ, FilterOp.SW, FilterOp.IN) or value == "":
        return None
    found = found.where(compare(column, wanted.op, value))
    # the index's own order: it keeps PostgreSQL, which does not know how many there are, from reading all calls
    return found if wanted.op is FilterOp.IN else found.order_by(column, *order)


def positive(op: FilterOp) -> FilterOp:
    """What an attribute must not be for `ne` and `np` to hold, and otherwise the same."""
    return {FilterOp.NE: FilterOp.EQ, FilterOp.NP: FilterOp.PR}.get(op, op)


def of_key(wanted: AttributeFilter) -> Sequence[ColumnElement[bool]]:
    """The attribute is there, whatever its value."""
    return call_attributes.c.kind == wanted.kind.value, call_attributes.c.key == attribute_key(wanted)


def attribute_key(wanted: AttributeFilter) -> str:
    """As much of the key as is compared."""
    return storable(wanted.key)[:MAX_KEY_CHARACTERS]


def attribute_texts(value: Any) -> Any:
    """The value, or all of them, as an attribute's text."""
    return [as_text(one) for one in value] if isinstance(value, list | tuple) else as_text(value)
