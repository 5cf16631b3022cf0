"""The operators of filters in SQL: one column compared with a client's value, alike in SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Double, and_, func, literal

from ari_agent.store.call_filter import FilterOp
from ari_agent.store.tables import storable


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
