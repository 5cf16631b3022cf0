"""Filters of list-calls, in the words of the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

from ari_agent.contract.call_list import CallFilters, OlderCallFilters
from ari_agent.store.call_filter import AnyOf, Filter, FilterField, FilterOp

Selection = Sequence[Filter | AnyOf]

_V3_KEYS: Final = tuple(name for name in CallFilters.model_fields if name != "agent")
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
}
_V2_THRESHOLDS: Final = (FilterField.START_TIMESTAMP, FilterField.END_TIMESTAMP, FilterField.DURATION_MS)
_V2_TIMES: Final = {
    "after_start_timestamp": (FilterField.START_TIMESTAMP, FilterOp.GE),
    "before_start_timestamp": (FilterField.START_TIMESTAMP, FilterOp.LT),
    "after_end_timestamp": (FilterField.END_TIMESTAMP, FilterOp.GE),
    "before_end_timestamp": (FilterField.END_TIMESTAMP, FilterOp.LT),
}


def select_v3(wanted: CallFilters | None) -> Selection:
    """Conditions of list-calls v3; all must hold."""
    return () if wanted is None else tuple(_v3(wanted))


def _v3(wanted: CallFilters) -> Iterator[Filter | AnyOf]:
    for key in _V3_KEYS:
        if (condition := getattr(wanted, key)) is not None:
            yield Filter(FilterField(key), FilterOp(condition.op), _plain(condition.value))
    if wanted.agent:
        alternatives = []
        for agent in wanted.agent:
            alternative = [Filter(FilterField.AGENT_ID, FilterOp.EQ, agent.agent_id)]
            if agent.version:
                alternative.append(Filter(FilterField.AGENT_VERSION, FilterOp.IN, agent.version))
            alternatives.append(alternative)
        yield AnyOf(alternatives)


def select_v2(wanted: OlderCallFilters | None) -> Selection:
    """Conditions of list-calls v2; all must hold. An empty list asks for nothing in particular."""
    return () if wanted is None else tuple(_v2(wanted))


def _v2(wanted: OlderCallFilters) -> Iterator[Filter]:
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


def _plain(value: object) -> object:
    """Members of an enumeration as the strings that the database holds."""
    return [str(item) if isinstance(item, StrEnum) else item for item in value] if isinstance(value, tuple) else value
