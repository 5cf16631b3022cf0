"""`filter_criteria` of POST /v3/list-calls: `{type, op, value}`, with a `key` where values go by name (2026-08)."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field

from ari_agent.contract.call import CallDirection
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.contract.parsing.model import (
    SAFE_INTEGER,
    AgentVersionNumber,
    ContractModel,
    DataStorageSetting,
    Flag,
    Many,
)

Sentiment = Literal["Negative", "Positive", "Neutral", "Unknown"]


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not hold the character U+0000")
    return text


Chosen = TypeVar("Chosen")
Choices = Annotated[tuple[Chosen, ...], Field(fail_fast=True, max_length=1000)]
"""One of these; a database takes only so many."""
Text = Annotated[str, Field(max_length=1024), AfterValidator(_storable)]
Key = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_storable)]
Numeric = Annotated[float, Field(strict=True, ge=-SAFE_INTEGER, le=SAFE_INTEGER)]


class StringFilter(ContractModel):
    """sw: starts with, ew: ends with, co: contains."""

    type: Literal["string"]
    op: Literal["eq", "ne", "sw", "ew", "co"]
    value: Text


class NumberFilter(ContractModel):
    """Compared with one number."""

    type: Literal["number"]
    op: Literal["eq", "ne", "gt", "ge", "lt", "le"]
    value: Numeric


class RangeFilter(ContractModel):
    """Between two numbers, both included."""

    type: Literal["range"]
    op: Literal["bt"]
    value: tuple[Numeric, Numeric]


class BooleanFilter(ContractModel):
    """True or false; what is unknown is neither."""

    type: Literal["boolean"]
    op: Literal["eq"]
    value: Flag


class _EnumFilter(ContractModel):
    type: Literal["enum"]
    op: Literal["in"]


class TextEnumFilter(_EnumFilter):
    """One of these texts."""

    value: Choices[Text]


class StatusFilter(_EnumFilter):
    """One of these call_status."""

    value: Choices[CallStatus]


class CallTypeFilter(_EnumFilter):
    """Phone or web calls."""

    value: Choices[Literal["phone_call", "web_call"]]


class DirectionFilter(_EnumFilter):
    """Inbound or outbound."""

    value: Choices[CallDirection]


class ReasonFilter(_EnumFilter):
    """One of these disconnection_reason."""

    value: Choices[DisconnectionReason]


class StorageFilter(_EnumFilter):
    """One of these data_storage_setting."""

    value: Choices[DataStorageSetting]


class SentimentFilter(_EnumFilter):
    """One of these user_sentiment."""

    value: Choices[Sentiment]


NumericFilter = Annotated[NumberFilter | RangeFilter, Field(discriminator="type")]
CallIdFilter = Annotated[StringFilter | TextEnumFilter, Field(discriminator="type")]


class _Keyed(ContractModel):
    """key: the name of the value; its first 128 characters count, and 256 of a text."""

    key: Key


class KeyedStringFilter(_Keyed, StringFilter):
    """A value as text: numbers and booleans as JSON writes them."""


class KeyedNumberFilter(_Keyed, NumberFilter):
    """A value as a number; a text that reads as one counts too."""


class KeyedRangeFilter(_Keyed, RangeFilter):
    """A value between two numbers."""


class KeyedBooleanFilter(_Keyed, BooleanFilter):
    """A value that is true or false; the texts `true` and `false` count too."""


class KeyedEnumFilter(_Keyed, TextEnumFilter):
    """A value that is one of these texts."""


class KeyedPresentFilter(_Keyed):
    """pr: there is a value that is not null; np: there is none."""

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
"""All must hold; each is one more table to join."""


class ToolFilter(ContractModel):
    """There is a tool call that fulfils all of these."""

    name: Text | None = None
    type: Text | None = None
    latency_ms: NumericFilter | None = None
    success: BooleanFilter | None = None


class AgentFilter(ContractModel):
    """Calls of one agent; of all its versions when none is named."""

    agent_id: Text
    version: Annotated[Many[AgentVersionNumber], Field(max_length=100)] | None = None


class CallFilters(ContractModel):
    """All conditions must hold; of `agent`, one."""

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
