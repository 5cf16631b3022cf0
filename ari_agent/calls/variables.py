"""Dynamic variables: where a call's come from, and `{{name}}` templates.

Source: Retell, "Dynamic variables" and "Inbound call webhook" (2026-08). Values are strings. A name in a template is
trimmed; an unknown one stays literally `{{name}}`; an empty value replaces it with nothing. Inner names are
replaced first, so `{{current_time_{{zone}}}}` works.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote

from pydantic import ValidationError

from ari_agent.contract.response_engine import AudioWebsocketEngine
from ari_agent.errors import AgentUnreachable

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


def render_url(template: str, variables: Mapping[str, str]) -> str:
    """A URL with every known `{{name}}` replaced.

    Values are percent-encoded (RFC 3986 section 2.1), since callers choose some of them: none ends the part of the URL
    that it stands in. Only a name that the URL begins with is taken as it is: it is a URL, or begins one.
    """
    beginning = _BEGINNING.match(template)
    if beginning is None:
        return _escaped(template, variables)
    return render(beginning[0], variables) + _escaped(template[beginning.end() :], variables)


def personal_engine(engine: AudioWebsocketEngine, variables: Mapping[str, str]) -> AudioWebsocketEngine:
    """The agent's URL and handshake headers for one call.

    Raises:
        AgentUnreachable: with these values they are no URL or no headers.
    """
    headers = engine.audio_websocket_headers
    settings = engine.model_dump() | {
        "audio_websocket_url": render_url(engine.audio_websocket_url, variables),
        "audio_websocket_headers": headers and {name: render(value, variables) for name, value in headers.items()},
    }
    try:
        return AudioWebsocketEngine.model_validate(settings)
    except ValidationError as error:
        # Without the values: headers hold secrets.
        raise AgentUnreachable(engine.audio_websocket_url.partition("?")[0], error.errors()[0]["msg"]) from None


_BEGINNING: Final = re.compile(r"\{\{[^{}]*\}\}")


class _Escaped(Mapping[str, str]):
    """The same values, percent-encoded when they are looked up."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return quote(self._values[name], safe="", errors="replace")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _escaped(template: str, variables: Mapping[str, str]) -> str:
    return render(template, _Escaped(variables))
