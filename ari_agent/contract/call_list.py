"""POST /v3/list-calls and its older forms: which calls are wanted (Retell, List Calls, 2026-08 and before)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import ConfigDict, Field, model_validator

from ari_agent.contract.call import Call, CallDirection, Sentiment
from ari_agent.contract.call_filters import CallFilters, Choices, Key, Numeric, Text
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.contract.paging import CountedPage, PageLimit, PageQuery, PageRequest, PaginationKey, SortOrder
from ari_agent.contract.parsing.conditions import Conditions, FilteredList
from ari_agent.contract.parsing.model import AgentVersionNumber, Flag, JsonObject, Many

TRANSCRIPTS: Final = frozenset(name for name in Call.model_fields if "transcript" in name)
"""The keys of a call that hold what was said in it."""
ARTEFACT_URLS: Final = frozenset(name for name in Call.model_fields if name.endswith("_url"))
"""The keys of a call that lead to a recording or a log of it."""
NOT_LISTED: Final = TRANSCRIPTS | {"sip", "hangup", "media_quality", "analysis_report"}
"""The keys of a call that list-calls v3 leaves out of its items."""


class CallListRequest(PageRequest):
    """Body of POST /v3/list-calls."""

    CONDITIONS: ClassVar[type[Conditions]] = CallFilters

    filter_criteria: CallFilters | None = None


class CallPage(CountedPage):
    """Answer of POST /v3/list-calls; its items have neither transcripts nor signalling."""

    items: Many[Call]


class Threshold(Conditions):
    """Condition that a number is between these two, both included; either may be left out."""

    MEANT: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("lower", "min", "gte", "from"), "lower_threshold"),
        **dict.fromkeys(("upper", "max", "lte", "to"), "upper_threshold"),
    }

    lower_threshold: Numeric | None = None
    upper_threshold: Numeric | None = None


Texts = Choices[Text]
TextsByKey = Annotated[dict[Key, Texts], Field(max_length=8)]


_DOTTED: Final = r"^(metadata|dynamic_variables)\..+$"
_JSON_TEXTS: Final[JsonObject] = {"type": "array", "items": {"type": "string"}}


class OlderCallFilters(Conditions):
    """Filters of list-calls v1 and v2. All must hold; a value must be one of those listed.

    after_...: this time or later; before_...: earlier than this. metadata, dynamic_variables: values by key;
    clients may write `metadata.order` and `dynamic_variables.name` instead.
    """

    model_config = ConfigDict(
        json_schema_extra={"additionalProperties": False, "patternProperties": {_DOTTED: _JSON_TEXTS}}
    )

    MEANT: ClassVar[Mapping[str, str]] = {"agent": "agent_id", "agent_version": "version"}

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
    in_voicemail: Choices[Flag] | None = None
    user_sentiment: Choices[Sentiment] | None = None
    call_successful: Choices[Flag] | None = None
    start_timestamp: Threshold | None = None
    end_timestamp: Threshold | None = None
    duration_ms: Threshold | None = None
    e2e_latency_p50: Threshold | None = None
    after_start_timestamp: Numeric | None = None
    before_start_timestamp: Numeric | None = None
    after_end_timestamp: Numeric | None = None
    before_end_timestamp: Numeric | None = None
    metadata: TextsByKey | None = None
    dynamic_variables: TextsByKey | None = None

    @model_validator(mode="before")
    @classmethod
    def _nest_dotted_keys(cls, given: Any) -> Any:
        return _nested(given) if isinstance(given, dict) else given


class OlderCallListRequest(FilteredList):
    """Body of POST /v2/list-calls. pagination_key: call_id of the last call of the page before."""

    CONDITIONS: ClassVar[type[Conditions]] = OlderCallFilters

    filter_criteria: OlderCallFilters | None = None
    sort_order: SortOrder = "descending"
    limit: PageLimit = 50
    pagination_key: PaginationKey | None = None


class OlderCallListQuery(PageQuery):
    """Query of GET /list-calls, which also takes `filter_criteria[...]` for each key of OlderCallFilters."""


def _nested(given: dict[Any, Any]) -> dict[Any, Any]:
    """The filters with `metadata.order` written as `order` inside `metadata`, and likewise for dynamic variables."""
    filters = dict(given)
    for dotted, values in given.items():
        name, dot, key = str(dotted).partition(".")
        if dot and key and name in ("metadata", "dynamic_variables"):
            del filters[dotted]
            by_key = filters.get(name)
            filters[name] = {**(by_key if isinstance(by_key, dict) else {}), key: values}
    return filters
