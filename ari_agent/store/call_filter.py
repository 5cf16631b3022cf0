"""What a list of calls is filtered by: Retell's `filter_criteria` (list-calls v3), which v2's plain lists map onto.

`call_conditions.py` says them in SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


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


class AttributeKind(StrEnum):
    """The key-value maps of a call that can be filtered by key, named as list-calls names them."""

    METADATA = "metadata"
    DYNAMIC_VARIABLES = "dynamic_variables"
    CUSTOM_ATTRIBUTES = "custom_attributes"
    CUSTOM_ANALYSIS_DATA = "custom_analysis_data"


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
