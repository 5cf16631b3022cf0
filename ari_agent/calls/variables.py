"""Dynamic variables: where a call's come from, and `{{name}}` templates.

Source: Retell, "Dynamic variables" and "Inbound call webhook" (2026-08). Values are strings. A name in a template is
trimmed; an unknown one stays literally `{{name}}`; an empty value replaces it with nothing. Inner names are
replaced first, so `{{current_time_{{zone}}}}` works.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_INNERMOST: Final = re.compile(r"\{\{([^{}]*)\}\}")
_MAX_DEPTH: Final = 5  # values are not templates, so only nesting in the template itself needs another pass


def merge(
    *,
    headers: Mapping[str, str],
    dialplan: Mapping[str, str],
    arguments: Mapping[str, str],
    webhook: Mapping[str, str],
) -> dict[str, str]:
    """The call's dynamic variables; what was set more explicitly for this call wins.

    headers: SIP headers, lower case. dialplan: channel variables `AGENTVAR_name`, by name. arguments: `name=value` of
    Stasis(). webhook: `dynamic_variables` of the inbound webhook's answer.
    """
    return {**headers, **dialplan, **arguments, **webhook}


def render(template: str, variables: Mapping[str, str]) -> str:
    """`template` with every known `{{name}}` replaced.

    A SIP header may be named with its `x-` or without it, as both spellings are documented.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1].strip()
        found = variables.get(name, variables.get(f"x-{name}"))
        # An unknown name is kept, its braces hidden from the next pass.
        return f"\0{match[1]}\1" if found is None else found.replace("{", "\2").replace("}", "\3")

    text = template
    for _ in range(_MAX_DEPTH):
        text, replaced = _INNERMOST.subn(value, text)
        if not replaced:
            break
    return text.replace("\0", "{{").replace("\1", "}}").replace("\2", "{").replace("\3", "}")
