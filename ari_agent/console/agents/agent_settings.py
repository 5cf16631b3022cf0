"""The settings of an agent as a page shows them: value, meaning, and which have no effect here. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ari_agent.calls.public_log.log_redaction import Redaction
from ari_agent.contract.agent_base import AgentIdentity
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.without_effect import every_reason, kind_of_agent

_ELSEWHERE: Final = frozenset({*AgentIdentity.model_fields, "response_engine"})
"""What other parts of the page show."""
_LONGEST: Final = 400
"""Characters of one value that are shown."""


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting. value: without secrets. is_own: it differs from its default. no_effect: why; "" where it has one."""

    name: str
    value: str
    meaning: str
    is_own: bool
    no_effect: str


def setting_rows(agent: AnyAgent, redaction: Redaction) -> Sequence[SettingRow]:
    """Return the settings in the order of the API's description, those that differ from their default first."""
    shown = redaction.value(agent.as_json())
    values = shown if isinstance(shown, dict) else {}
    reasons = every_reason(agent, kind_of_agent(agent))
    rows = [
        SettingRow(
            name=name,
            value=_text(values.get(name)),
            meaning=field.description or "",
            is_own=getattr(agent, name) != field.default,
            no_effect="; ".join(f"{path}: {why}" if path != name else why for path, why in reasons.get(name, ())),
        )
        for name, field in type(agent).model_fields.items()
        if name not in _ELSEWHERE
    ]
    return sorted(rows, key=lambda row: not row.is_own)


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"
