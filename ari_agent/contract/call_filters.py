"""`filter_criteria` of POST /v3/list-calls (Retell, List Calls, 2026-08).

A condition is `{type, op, value}`; one on a map such as metadata has a `key` as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal, TypeVar

from pydantic import AfterValidator, Field

from ari_agent.contract.call import CallDirection, Sentiment
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.contract.parsing.conditions import Conditions
from ari_agent.contract.parsing.model import (
    SAFE_INTEGER,
    AgentVersionNumber,
    ContractModel,
    DataStorageSetting,
    Flag,
    Many,
)


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not hold the character U+0000")
    return text


Choice = TypeVar("Choice")
Choices = Annotated[tuple[Choice, ...], Field(fail_fast=True, max_length=1000)]
"""At most 1000 values, one of which must match; a database takes only so many parameters."""
Text = Annotated[str, Field(max_length=1024), AfterValidator(_storable)]
Key = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_storable)]
Numeric = Annotated[float, Field(strict=True, ge=-SAFE_INTEGER, le=SAFE_INTEGER)]


class StringFilter(ContractModel):
    """Condition on a text. op: equal, not equal, starts with (sw), ends with (ew) or contains (co)."""

    type: Literal["string"]
    op: Literal["eq", "ne", "sw", "ew", "co"]
    value: Text


class NumberFilter(ContractModel):
    """Condition that compares a number with `value`."""

    type: Literal["number"]
    op: Literal["eq", "ne", "gt", "ge", "lt", "le"]
    value: Numeric


class RangeFilter(ContractModel):
    """Condition that a number is between two numbers, both included."""

    type: Literal["range"]
    op: Literal["bt"]
    value: tuple[Numeric, Numeric]


class BooleanFilter(ContractModel):
    """Condition that a flag is `value`; one that is not known is neither true nor false."""

    type: Literal["boolean"]
    op: Literal["eq"]
    value: Flag


class EnumFilter(ContractModel):
    """Base class of conditions that a value is one of several."""

    type: Literal["enum"]
    op: Literal["in"]


class TextEnumFilter(EnumFilter):
    """Condition that a text is one of these."""

    value: Choices[Text]


class StatusFilter(EnumFilter):
    """Condition that call_status is one of these."""

    value: Choices[CallStatus]


class CallTypeFilter(EnumFilter):
    """Condition that call_type is one of these."""

    value: Choices[Literal["phone_call", "web_call"]]


class DirectionFilter(EnumFilter):
    """Condition that direction is one of these."""

    value: Choices[CallDirection]


class ReasonFilter(EnumFilter):
    """Condition that disconnection_reason is one of these."""

    value: Choices[DisconnectionReason]


class StorageFilter(EnumFilter):
    """Condition that data_storage_setting is one of these."""

    value: Choices[DataStorageSetting]


class SentimentFilter(EnumFilter):
    """Condition that user_sentiment is one of these."""

    value: Choices[Sentiment]


NumericFilter = Annotated[NumberFilter | RangeFilter, Field(discriminator="type")]
CallIdFilter = Annotated[StringFilter | TextEnumFilter, Field(discriminator="type")]


class _Keyed(ContractModel):
    """A condition on the value under `key`; the first 128 characters of a key and 256 of a text are compared."""

    key: Key


class KeyedStringFilter(_Keyed, StringFilter):
    """Condition on a value as text; numbers and booleans are compared as JSON writes them."""


class KeyedNumberFilter(_Keyed, NumberFilter):
    """Condition that compares a value, or a text that reads as a number, with a number."""


class KeyedRangeFilter(_Keyed, RangeFilter):
    """Condition that a value, or a text that reads as a number, is between two numbers, both included."""


class KeyedBooleanFilter(_Keyed, BooleanFilter):
    """Condition that a value is true or false; the texts `true` and `false` count as such."""


class KeyedEnumFilter(_Keyed, TextEnumFilter):
    """Condition that a value is one of these texts."""


class KeyedPresentFilter(_Keyed):
    """Condition that there is a value other than null under the key (pr), or that there is none (np)."""

    type: Literal["present"]
    op: Literal["pr", "np"]


KeyedFilter = Annotated[
    KeyedStringFilter
    | KeyedNumberFilter
    | KeyedRangeFilter
    | KeyedBooleanFilter
    | KeyedEnumFilter
    | KeyedPresentFilter,
    Field(discriminator="type"),
]
KeyedFilters = Annotated[Many[KeyedFilter], Field(max_length=8)]
"""At most 8 conditions, all of which must hold; each of them joins one more table."""


class ToolFilter(Conditions):
    """Condition that the call has a tool call which fulfils all of these."""

    name: Text | None = None
    type: Text | None = None
    latency_ms: NumericFilter | None = None
    success: BooleanFilter | None = None


_AGENT: Final = 'agent, as in [{"agent_id": "agent_...", "version": [1]}]'


class AgentFilter(Conditions):
    """Condition that the agent is this one, in one of these versions; in any version if none is named."""

    agent_id: Text
    version: Annotated[Many[AgentVersionNumber], Field(max_length=100)] | None = None


class CallFilters(Conditions):
    """Conditions on a call, all of which must hold; of those in `agent`, one is enough."""

    MEANT: ClassVar[Mapping[str, str]] = {
        "agent_id": _AGENT,
        "agent_ids": _AGENT,
        "agent_version": _AGENT,
        "version": _AGENT,
        "after_start_timestamp": "start_timestamp",
        "before_start_timestamp": "start_timestamp",
        "after_end_timestamp": "end_timestamp",
        "before_end_timestamp": "end_timestamp",
    }

    agent: Annotated[Many[AgentFilter], Field(max_length=100)] | None = None
    agent_tag: TextEnumFilter | None = None
    batch_call_id: StringFilter | None = None
    call_id: CallIdFilter | None = None
    call_status: StatusFilter | None = None
    call_successful: BooleanFilter | None = None
    call_type: CallTypeFilter | None = None
    combined_cost: NumericFilter | None = None
    custom_analysis_data: KeyedFilters | None = None
    custom_attributes: KeyedFilters | None = None
    data_storage_setting: StorageFilter | None = None
    direction: DirectionFilter | None = None
    disconnection_reason: ReasonFilter | None = None
    duration_ms: NumericFilter | None = None
    dynamic_variables: KeyedFilters | None = None
    e2e_latency_p50: NumericFilter | None = None
    end_timestamp: NumericFilter | None = None
    from_number: StringFilter | None = None
    in_voicemail: BooleanFilter | None = None
    metadata: KeyedFilters | None = None
    start_timestamp: NumericFilter | None = None
    to_number: StringFilter | None = None
    tool_calls: Annotated[Many[ToolFilter], Field(max_length=8)] | None = None
    user_sentiment: SentimentFilter | None = None
