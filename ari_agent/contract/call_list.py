"""POST /v3/list-calls and /v2/list-calls: which calls are wanted (Retell, List Calls, 2026-08)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, Field, model_validator

from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.contract.model import (
    INTEGRAL,
    SAFE_INTEGER,
    AgentVersionNumber,
    ContractModel,
    Count,
    Flag,
    Many,
)
from ari_agent.contract.page import Page, PageLimit, PaginationKey, SortOrder

TRANSCRIPTS: Final = frozenset(name for name in Call.model_fields if "transcript" in name)
"""Keys that list-calls v3 leaves out of its items."""

_NOT_YET: Final = frozenset(
    {
        "agent_tag",
        "call_successful",
        "combined_cost",
        "custom_analysis_data",
        "custom_attributes",
        "data_storage_setting",
        "dynamic_variables",
        "e2e_latency_p50",
        "in_voicemail",
        "metadata",
        "tool_calls",
        "user_sentiment",
    }
)


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not hold the character U+0000")
    return text


Chosen = TypeVar("Chosen")
Choices = Annotated[tuple[Chosen, ...], Field(fail_fast=True, max_length=1000)]
"""One of these; a database takes only so many."""
Text = Annotated[str, Field(max_length=1024), AfterValidator(_storable)]
Integer = Annotated[int, Field(strict=True, ge=-SAFE_INTEGER, le=SAFE_INTEGER), INTEGRAL]


class StringFilter(ContractModel):
    """sw: starts with, ew: ends with, co: contains."""

    type: Literal["string"]
    op: Literal["eq", "ne", "sw", "ew", "co"]
    value: Text


class NumberFilter(ContractModel):
    """Compared with one number."""

    type: Literal["number"]
    op: Literal["eq", "ne", "gt", "ge", "lt", "le"]
    value: Integer


class RangeFilter(ContractModel):
    """Between two numbers, both included."""

    type: Literal["range"]
    op: Literal["bt"]
    value: tuple[Integer, Integer]


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


NumericFilter = Annotated[NumberFilter | RangeFilter, Field(discriminator="type")]
CallIdFilter = Annotated[StringFilter | TextEnumFilter, Field(discriminator="type")]


class AgentFilter(ContractModel):
    """Calls of one agent; of all its versions when none is named."""

    agent_id: Text
    version: Annotated[Many[AgentVersionNumber], Field(max_length=100)] | None = None


class CallFilters(ContractModel):
    """All conditions must hold; of `agent`, one."""

    agent: Annotated[Many[AgentFilter], Field(max_length=100)] | None = None
    batch_call_id: StringFilter | None = None
    call_id: CallIdFilter | None = None
    call_status: StatusFilter | None = None
    call_type: CallTypeFilter | None = None
    direction: DirectionFilter | None = None
    disconnection_reason: ReasonFilter | None = None
    duration_ms: NumericFilter | None = None
    end_timestamp: NumericFilter | None = None
    start_timestamp: NumericFilter | None = None
    from_number: StringFilter | None = None
    to_number: StringFilter | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_what_is_not_filtered(cls, given: Any) -> Any:
        return _refused(given)


class CallListRequest(ContractModel):
    """Body of POST /v3/list-calls."""

    filter_criteria: CallFilters | None = None
    sort_order: SortOrder = "descending"
    limit: PageLimit = 50
    skip: Count = 0
    pagination_key: PaginationKey | None = None
    include_total: Flag = False


class CallPage(Page):
    """Answer of POST /v3/list-calls; its items have no transcripts. total: if include_total asked for it."""

    items: Many[Call]
    total: Count | None = None


class Threshold(ContractModel):
    """Both included; either may be left out."""

    lower_threshold: Integer | None = None
    upper_threshold: Integer | None = None


Texts = Choices[Text]


class OlderCallFilters(ContractModel):
    """Filters of list-calls v2: of each list one must hold. after_... is included, before_... is not."""

    call_id: Texts | None = None
    agent_id: Texts | None = None
    version: Annotated[Many[AgentVersionNumber], Field(max_length=100)] | None = None
    call_status: Choices[CallStatus] | None = None
    call_type: Choices[Literal["phone_call", "web_call"]] | None = None
    direction: Choices[CallDirection] | None = None
    disconnection_reason: Choices[DisconnectionReason] | None = None
    from_number: Texts | None = None
    to_number: Texts | None = None
    batch_call_id: Texts | None = None
    start_timestamp: Threshold | None = None
    end_timestamp: Threshold | None = None
    duration_ms: Threshold | None = None
    after_start_timestamp: Integer | None = None
    before_start_timestamp: Integer | None = None
    after_end_timestamp: Integer | None = None
    before_end_timestamp: Integer | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_what_is_not_filtered(cls, given: Any) -> Any:
        return _refused(given)


class OlderCallListRequest(ContractModel):
    """Body of POST /v2/list-calls. pagination_key: call_id of the last call of the page before."""

    filter_criteria: OlderCallFilters | None = None
    sort_order: SortOrder = "descending"
    limit: PageLimit = 50
    pagination_key: PaginationKey | None = None


def _refused(given: Any) -> Any:
    """A condition that is not looked at would answer calls that nobody asked for: refuse it."""
    if isinstance(given, dict):
        unserved = sorted(str(key) for key in given if str(key).partition(".")[0] in _NOT_YET)
        if unserved:
            raise ValueError(f"cannot filter by {', '.join(unserved)}")
    return given
