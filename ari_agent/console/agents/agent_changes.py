"""What a version of an agent has changed of the one before, in words. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ari_agent.calls.public_log.log_redaction import MARK, Redaction
from ari_agent.contract.agent_base import AgentIdentity
from ari_agent.contract.chat_agent import AnyAgent

_SHORT: Final = 60
"""Characters of a value that is shown; of a longer one its length is told."""
_MOST: Final = 50
_ABSENT: Final = object()
_OF_THE_VERSION: Final = frozenset({*AgentIdentity.model_fields, "channel"})


def changes(before: AnyAgent, after: AnyAgent, redaction: Redaction) -> Sequence[str]:
    """Return what differs, a line each: `voice_speed: 1.0, now 1.2`; at most 50, and a line on how many more.

    A value that holds a secret is shown without it, and what differs in the secret alone is only said to differ.
    """
    old, new = _settings(before), _settings(after)
    old_shown, new_shown = _shown(old, redaction), _shown(new, redaction)
    old_flat, new_flat = dict(_flat(old)), dict(_flat(new))
    names = [name for name in {**old_flat, **new_flat} if old_flat.get(name, _ABSENT) != new_flat.get(name, _ABSENT)]
    lines = [_line(name, old_flat, new_flat, old_shown, new_shown) for name in names[:_MOST]]
    return [*lines, f"and {len(names) - _MOST} more"] if len(names) > _MOST else lines


def _settings(agent: AnyAgent) -> Mapping[str, Any]:
    return {name: value for name, value in agent.as_record().items() if name not in _OF_THE_VERSION}


def _shown(settings: Mapping[str, Any], redaction: Redaction) -> Mapping[str, Any]:
    redacted = redaction.value(settings)
    return dict(_flat(redacted)) if isinstance(redacted, dict) else {}


def _flat(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value that is no object, by its path with dots; null is as good as left out."""
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from _flat(inner, f"{path}{name}.")
        elif inner is not None:
            yield f"{path}{name}", inner


def _line(
    name: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    old_shown: Mapping[str, Any],
    new_shown: Mapping[str, Any],
) -> str:
    was, now = old_shown.get(name, MARK), new_shown.get(name, MARK)
    if name not in old:
        return f"{name}: set to {_short(now)}"
    if name not in new:
        return f"{name}: taken back, was {_short(was)}"
    if was == now:
        return f"{name}: another one that is not shown"
    return f"{name}: {_short(was)}, now {_short(now)}"


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}… ({len(text)} characters)"
