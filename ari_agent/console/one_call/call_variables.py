"""What a call was given and has collected: variables, SIP headers, metadata, attributes. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ari_agent.contract.call import Call

_MOST_ROWS: Final = 200
_MOST_CHARACTERS: Final = 1000
_GROUPS: Final[Mapping[str, str]] = {
    "retell_llm_dynamic_variables": "Dynamic variables, given",
    "collected_dynamic_variables": "Dynamic variables, collected",
    "custom_sip_headers": "SIP headers",
    "metadata": "Metadata",
    "custom_attributes": "Attributes",
}
"""The keys of a call object that are shown, with their headings."""


@dataclass(frozen=True, slots=True)
class Group:
    """One heading, and names with their values. more: how many names are left out."""

    heading: str
    rows: Sequence[tuple[str, str]]
    more: int


def variables_of(call: Call) -> Sequence[Group]:
    """Return the groups that are not empty; long values are shortened, and of very many the first ones are there."""
    return [_group(heading, values) for key, heading in _GROUPS.items() if (values := getattr(call, key))]


def _group(heading: str, values: object) -> Group:
    named = values if isinstance(values, dict) else {"": values}
    rows = [(str(name)[:_MOST_CHARACTERS], _shown(value)) for name, value in list(named.items())[:_MOST_ROWS]]
    return Group(heading, rows, len(named) - len(rows))


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}\u2026"
