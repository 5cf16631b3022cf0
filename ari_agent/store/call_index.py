"""What of a call object the database can filter by, beside the object itself: columns, attributes and tool calls.

Beside them stand how often a call dialled somebody and what it cost, for the limits of the dial policy: see `dialled`
and `spent`.

An attribute is one top-level key of `metadata`, `retell_llm_dynamic_variables`, `custom_attributes` or
`call_analysis.custom_analysis_data`. It is kept as text (`true`, `7`, `gold`), and as a number too where it reads as
one: dynamic variables are strings always, and a client that filters them by number means their value.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ari_agent.contract.destination import is_extension
from ari_agent.store.call_filter import AttributeKind, FilterField
from ari_agent.store.tables import storable

MAX_KEY_CHARACTERS: Final = 128
MAX_TEXT_CHARACTERS: Final = 256
"""As much of an attribute is compared: an entry of a PostgreSQL index holds 2700 bytes, 4 for a character at most."""
MAX_ATTRIBUTES: Final = 256
"""Of each kind; the rest of a call's attributes are in its object and not filtered by."""

DIALLED: Final = "dialled"
"""The kind of the attributes that `dialled` makes. No filter of the API names it."""
SPENT: Final = "spent"
"""The kind of the attributes that `spent` makes, likewise."""

_NUMBER: Final = re.compile(r"-?[0-9]{1,17}(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,3})?")

_NESTED: Final[Mapping[str, tuple[str, ...]]] = {
    "in_voicemail": ("call_analysis", "in_voicemail"),
    "user_sentiment": ("call_analysis", "user_sentiment"),
    "call_successful": ("call_analysis", "call_successful"),
    "combined_cost": ("call_cost", "combined_cost"),
    "e2e_latency_p50": ("latency", "e2e", "p50"),
}
_PLAIN: Final = tuple(field.value for field in FilterField if field not in (FilterField.CALL_ID, *_NESTED))
_ATTRIBUTES: Final[Mapping[AttributeKind, tuple[str, ...]]] = {
    AttributeKind.METADATA: ("metadata",),
    AttributeKind.DYNAMIC_VARIABLES: ("retell_llm_dynamic_variables",),
    AttributeKind.CUSTOM_ATTRIBUTES: ("custom_attributes",),
    AttributeKind.CUSTOM_ANALYSIS_DATA: ("call_analysis", "custom_analysis_data"),
}

Attributes = Mapping[tuple[str, str], tuple[str | None, float | None]]
"""The attributes of one call: (text, number) by (kind, key)."""


def columns(document: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a call object (as JSON) that are filtered by."""
    return {name: document.get(name) for name in _PLAIN} | {name: _at(document, path) for name, path in _NESTED.items()}


def attributes(document: Mapping[str, Any]) -> Attributes:
    """The attributes of a call object. What is null is not there; what is no scalar has neither text nor number."""
    return {
        (kind.value, storable(key)[:MAX_KEY_CHARACTERS]): (as_text(value), _as_number(value))
        for kind, path in _ATTRIBUTES.items()
        for key, value in list((_at(document, path) or {}).items())[:MAX_ATTRIBUTES]
        if value is not None
    }


def dialled(document: Mapping[str, Any]) -> Attributes:
    """How many people a call dialled, for the workspace, the number and the agent that did; nothing for most calls.

    That is 1 for a call that we placed, unless it failed before it was dialled, and 1 for a transfer that succeeded,
    unless to an extension of the PBX.
    """
    is_outbound = document.get("direction") == "outbound"
    never_dialled = document.get("disconnection_reason") == "dial_failed" and not document.get("telephony_identifier")
    target = document.get("transfer_destination")
    people = int(is_outbound and not never_dialled) + int(bool(target) and not is_extension(str(target)))
    if not people:
        return {}
    return {(DIALLED, scope): (as_text(name), float(people)) for scope, name in _scopes(document).items()}


def spent(document: Mapping[str, Any]) -> Attributes:
    """What a call has cost, in cents, for the workspace, its number and its agent; nothing while it is not known."""
    cents = _at(document, ("call_cost", "combined_cost"))
    if not cents:
        return {}
    return {(SPENT, scope): (as_text(name), float(cents)) for scope, name in _scopes(document).items()}


def _scopes(document: Mapping[str, Any]) -> Mapping[str, str]:
    """The name of each scope of the dial policy that a call belongs to."""
    number = document.get("from_number" if document.get("direction") == "outbound" else "to_number")
    return {"workspace": "", "number": number or "", "agent": document.get("agent_id") or ""}


def tool_calls(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """name, type, success and latency_ms of each tool call in the transcript; success is None without a result."""
    items = document.get("transcript_with_tool_calls") or ()
    results = {item["tool_call_id"]: item for item in items if item["role"] == "tool_call_result"}
    for item in items:
        if item["role"] == "tool_call_invocation":
            result = results.get(item["tool_call_id"], {})
            yield {
                "name": storable(item["name"])[:MAX_KEY_CHARACTERS],
                "type": storable(item.get("type") or "")[:MAX_KEY_CHARACTERS] or None,
                "success": result.get("successful"),
                "latency_ms": result.get("latency_ms"),
            }


def as_text(value: object) -> str | None:
    """Return a JSON scalar as the text that an attribute is compared by."""
    if isinstance(value, str):
        return storable(value)[:MAX_TEXT_CHARACTERS]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return json.dumps(value) if isinstance(value, bool | int | float) else None


def _as_number(value: object) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _at(document: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = document
    for name in path:
        found = (found or {}).get(name)
    return found
