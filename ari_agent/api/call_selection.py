"""Filters of list-calls, in the words of the store; and those of a query string in the words of a body."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from ari_agent.contract.call_filters import CallFilters, KeyedFilter, KeyedPresentFilter, ToolFilter
from ari_agent.contract.call_list import OlderCallFilters, Threshold
from ari_agent.store.call_filter import (
    AnyFilter,
    AnyOf,
    AttributeFilter,
    AttributeKind,
    Filter,
    FilterField,
    FilterOp,
    ToolCallFilter,
)

Selection = Sequence[AnyFilter]

_V3_COLUMNS: Final = tuple(name for name in CallFilters.model_fields if name in set(FilterField))
_V2_LISTS: Final = {
    "call_id": FilterField.CALL_ID,
    "agent_id": FilterField.AGENT_ID,
    "version": FilterField.AGENT_VERSION,
    "call_status": FilterField.CALL_STATUS,
    "call_type": FilterField.CALL_TYPE,
    "direction": FilterField.DIRECTION,
    "disconnection_reason": FilterField.DISCONNECTION_REASON,
    "from_number": FilterField.FROM_NUMBER,
    "to_number": FilterField.TO_NUMBER,
    "batch_call_id": FilterField.BATCH_CALL_ID,
    "in_voicemail": FilterField.IN_VOICEMAIL,
    "user_sentiment": FilterField.USER_SENTIMENT,
    "call_successful": FilterField.CALL_SUCCESSFUL,
}
_V2_THRESHOLDS: Final = (
    FilterField.START_TIMESTAMP,
    FilterField.END_TIMESTAMP,
    FilterField.DURATION_MS,
    FilterField.E2E_LATENCY_P50,
)
_V2_TIMES: Final = {
    "after_start_timestamp": (FilterField.START_TIMESTAMP, FilterOp.GE),
    "before_start_timestamp": (FilterField.START_TIMESTAMP, FilterOp.LT),
    "after_end_timestamp": (FilterField.END_TIMESTAMP, FilterOp.GE),
    "before_end_timestamp": (FilterField.END_TIMESTAMP, FilterOp.LT),
}
_V2_ATTRIBUTES: Final = (AttributeKind.METADATA, AttributeKind.DYNAMIC_VARIABLES)


def select_v3(wanted: CallFilters | None) -> Selection:
    """Return the conditions that list-calls v3 asks for; all must hold."""
    return () if wanted is None else tuple(_v3(wanted))


def _v3(wanted: CallFilters) -> Iterator[AnyFilter]:
    for key in _V3_COLUMNS:
        if (condition := getattr(wanted, key)) is not None:
            yield Filter(FilterField(key), FilterOp(condition.op), _plain(condition.value))
    for kind in AttributeKind:
        for keyed in getattr(wanted, kind.value) or ():
            yield _attribute(kind, keyed)
    for tool in wanted.tool_calls or ():
        yield ToolCallFilter(tuple(_tool(tool)))
    if wanted.agent:
        alternatives = []
        for agent in wanted.agent:
            alternative = [Filter(FilterField.AGENT_ID, FilterOp.EQ, agent.agent_id)]
            if agent.version:
                alternative.append(Filter(FilterField.AGENT_VERSION, FilterOp.IN, agent.version))
            alternatives.append(alternative)
        if len(alternatives) == 1:
            yield from alternatives[0]
        else:
            yield AnyOf(alternatives)


def _attribute(kind: AttributeKind, wanted: KeyedFilter) -> AttributeFilter:
    value = None if isinstance(wanted, KeyedPresentFilter) else _plain(wanted.value)
    return AttributeFilter(kind, wanted.key, FilterOp(wanted.op), value, numeric=wanted.type in ("number", "range"))


def _tool(wanted: ToolFilter) -> Iterator[tuple[str, FilterOp, Any]]:
    for column in ("name", "type"):
        if (text := getattr(wanted, column)) is not None:
            yield column, FilterOp.EQ, text
    for column in ("latency_ms", "success"):
        if (condition := getattr(wanted, column)) is not None:
            yield column, FilterOp(condition.op), condition.value


def select_v2(wanted: OlderCallFilters | None) -> Selection:
    """Return the conditions that list-calls v2 asks for; all must hold. An empty list of values is no condition."""
    return () if wanted is None else tuple(_v2(wanted))


def _v2(wanted: OlderCallFilters) -> Iterator[AnyFilter]:
    for key, field in _V2_LISTS.items():
        if values := getattr(wanted, key):
            yield Filter(field, FilterOp.IN, _plain(values))
    for field in _V2_THRESHOLDS:
        threshold = getattr(wanted, field.value)
        if threshold is not None and threshold.lower_threshold is not None:
            yield Filter(field, FilterOp.GE, threshold.lower_threshold)
        if threshold is not None and threshold.upper_threshold is not None:
            yield Filter(field, FilterOp.LE, threshold.upper_threshold)
    for key, (field, op) in _V2_TIMES.items():
        if (moment := getattr(wanted, key)) is not None:
            yield Filter(field, op, moment)
    for kind in _V2_ATTRIBUTES:
        for key, texts in (getattr(wanted, kind.value) or {}).items():
            if texts:
                yield AttributeFilter(kind, key, FilterOp.IN, texts)


def _plain(value: object) -> object:
    """Return members of an enumeration as the strings that the database holds."""
    return [str(item) if isinstance(item, StrEnum) else item for item in value] if isinstance(value, tuple) else value


# list-calls v1: everything stands in the query.

_BRACKETS: Final = re.compile(
    r"filter_criteria\[([^\[\]]{1,1100})\](?:\[(lower_threshold|upper_threshold|[0-9]{0,4})\])?"
)
_NUMBER: Final = re.compile(r"-?[0-9]{1,16}")
_FLAGS: Final = frozenset({"in_voicemail", "call_successful"})


def body_of_query(query: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
    """Return what stands in the query, in the form that OlderCallListRequest reads from a body.

    `filter_criteria[agent_id]=a,b` (as retell-sdk 3 writes it), `filter_criteria[agent_id][]=a` and the same repeated;
    `filter_criteria[start_timestamp][lower_threshold]=1`.
    """
    body: dict[str, Any] = {}
    lists: dict[str, list[Any]] = {}
    times: dict[str, Any] = {}
    thresholds: dict[str, dict[str, Any]] = {}
    for name, text in query:
        if match := _BRACKETS.fullmatch(name):
            key, inner = match[1], match[2]
            if inner in Threshold.model_fields:
                thresholds.setdefault(key, {})[inner] = _number(text)
            elif key in _V2_TIMES:
                times[key] = _number(text)
            else:
                lists.setdefault(key, []).extend(_value(key, part) for part in text.split(","))
        elif name.startswith("filter_criteria["):
            lists[name] = [text]  # what cannot be read is refused by this name
        else:
            body[name] = _number(text) if name == "limit" else text
    filters = {**lists, **times, **thresholds}
    return {**body, "filter_criteria": filters} if filters else body


def _value(key: str, text: str) -> Any:
    if key in _FLAGS:
        return {"true": True, "false": False}.get(text, text)
    return _number(text) if key == "version" else text


def _number(text: str) -> int | str:
    return int(text) if _NUMBER.fullmatch(text) else text
