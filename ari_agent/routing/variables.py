"""Dynamic variables: where a call's come from, and `{{name}}` templates. Pure.

Source: Retell, "Dynamic variables" and "Inbound call webhook" (2026-08). Values are strings. A name in a template is
trimmed; an unknown one stays literally `{{name}}`; an empty value replaces it with nothing. Inner names are
replaced first, so `{{current_time_{{zone}}}}` works.

    where                                               rendered by        when
    number's inbound_webhook_url, _sms_webhook_url      render_url         the caller rings, the text is there
    agent's and account's webhook_url                   render_url         the event is owed
    audio_websocket_url and _headers, llm_websocket_url render_url, render the agent is dialled
    destination and headers of a transfer               render             the transfer begins
    custom_sip_headers of an outbound call              render             the call is placed
    text of a voicemail_option                          render             a machine has answered

`metadata` is nobody's template. Prompts, begin messages and tools belong to agents that run elsewhere: those are handed
the variables and render for themselves.

In a URL a value is never more than what its place held. Whoever calls chooses some values: SIP headers, their own
number, the number they dial. With these, nobody may send the signed body of a webhook, or the handshake's secret, to a
server of their choice or to one inside the administrator's network:

    place in the URL                value of the webhook, the dialplan, the API     value that the caller chose
    the name that the URL begins    as it is: a URL, or the beginning of one        unknown: `{{name}}` stays
    scheme, host, port              percent-encoded                                 unknown: `{{name}}` stays
    path, query, fragment           percent-encoded                                 percent-encoded

Percent-encoded (RFC 3986 section 2.1), a value adds no segment to the path and no parameter to the query; one that
would make its segment `.` or `..`, which climbs, is encoded twice. A dialplan that trusts a header may say so:
`Set(AGENTVAR_agent_url=${PJSIP_HEADER(read,X-Agent-Url)})`.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Final, overload
from urllib.parse import quote

from pydantic import ValidationError

from ari_agent.contract.call_control import refuse_unsendable
from ari_agent.contract.response_engine import (
    AUTH_TOKEN,
    AudioWebsocketEngine,
    CustomLlmEngine,
    PromptEngine,
    ServedEngine,
)
from ari_agent.errors import AgentUnreachable

_INNERMOST: Final = re.compile(r"\{\{([^{}]*)\}\}")
_HIDDEN: Final = str.maketrans({"{": "\2", "}": "\3", **dict.fromkeys("\0\1\2\3")})
_MAX_DEPTH: Final = 5  # values are not templates, so only nesting in the template itself needs another pass


class Variables(Mapping[str, str]):
    """Variables by name, some of which the caller may have chosen; of a plain mapping the caller chose none."""

    @abstractmethod
    def is_callers(self, name: str) -> bool:
        """Whether the caller chose the value, and it must not be trusted: a SIP header of the INVITE."""


def merge(
    *,
    headers: Mapping[str, str],
    dialplan: Mapping[str, str],
    arguments: Mapping[str, str],
    webhook: Mapping[str, str],
) -> dict[str, str]:
    """Merge the dynamic variables of a call; of one name, the value that was set more explicitly for this call wins.

    headers: SIP headers, lower case. dialplan: channel variables `AGENTVAR_name`, by name. arguments: `name=value` of
    Stasis(). webhook: `dynamic_variables` of the inbound webhook's answer.
    """
    return {**headers, **dialplan, **arguments, **webhook}


def render(template: str, variables: Mapping[str, str]) -> str:
    """Return `template` with every known `{{name}}` replaced.

    A SIP header may be named with its `x-` or without it, as both spellings are documented.
    """
    return _shown(_filled_in(template, variables))


def render_known(template: str, variables: Mapping[str, str]) -> str | None:
    """Return `template` with every `{{name}}` replaced, as `render` does; None where one of the names is unknown."""
    text = _filled_in(template, variables)
    return None if "\0" in text or _INNERMOST.search(text) else _shown(text)


def _filled_in(template: str, variables: Mapping[str, str]) -> str:
    """Return the template with its values, in which the braces of values and of unknown names are hidden."""

    def value(match: re.Match[str]) -> str:
        name = match[1].strip()
        found = variables.get(name, variables.get(f"x-{name}"))
        return f"\0{match[1]}\1" if found is None else found.translate(_HIDDEN)

    text = template
    for _ in range(_MAX_DEPTH):
        text, replaced = _INNERMOST.subn(value, text)
        if not replaced:
            break
    return text


def _shown(text: str) -> str:
    return text.replace("\0", "{{").replace("\1", "}}").replace("\2", "{").replace("\3", "}")


def render_url(template: str, variables: Mapping[str, str]) -> str:
    """Return a URL with every known `{{name}}` replaced, as the table above says.

    variables: of `Variables` it is known which the caller chose.
    """
    end = _end_of_host(template)
    host, rest = template[:end], template[end:]
    trusted = _Seen(variables, lambda name, value: None if _is_callers(variables, name) else value)
    beginning = match[0] if (match := _INNERMOST.match(host)) else ""
    url = render(beginning, trusted) + render(host[len(beginning) :], _Seen(trusted, _encoded))
    path, *query = re.split("([?#].*)", render(rest, _Seen(variables, _encoded)), maxsplit=1, flags=re.DOTALL)
    segments = (_UPWARDS.get(part.lower().replace("%2e", "."), part) for part in path.split("/"))
    return url + "/".join(segments) + "".join(query)


def personal_headers(headers: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """Fill in the variables of SIP headers for one call.

    Raises:
        ValueError: with these values one of them cannot be sent; says which.
    """
    personal = {name: render(value, variables) for name, value in headers.items()}
    refuse_unsendable(personal)
    return personal


@overload
def personal_engine(engine: AudioWebsocketEngine, variables: Mapping[str, str]) -> AudioWebsocketEngine: ...
@overload
def personal_engine(engine: CustomLlmEngine, variables: Mapping[str, str]) -> CustomLlmEngine: ...
@overload
def personal_engine(engine: ServedEngine, variables: Mapping[str, str]) -> ServedEngine: ...
def personal_engine(engine: ServedEngine, variables: Mapping[str, str]) -> ServedEngine:
    """Fill in the variables of the agent's URL and handshake headers for one call; prompts and flows have neither.

    Raises:
        AgentUnreachable: with these values they are no URL or no headers.
    """
    if isinstance(engine, PromptEngine):
        return engine
    settings = engine.model_dump()
    if isinstance(engine, CustomLlmEngine):
        template, settings["llm_websocket_url"] = _personal_url(engine.llm_websocket_url, variables)
    else:
        template, settings["audio_websocket_url"] = _personal_url(engine.audio_websocket_url, variables)
        if headers := engine.audio_websocket_headers:
            settings["audio_websocket_headers"] = {name: render(value, variables) for name, value in headers.items()}
        settings[AUTH_TOKEN] = engine.audio_websocket_auth_token
    try:
        return type(engine).model_validate(settings)
    except ValidationError as error:
        # Without the values: headers hold secrets.
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise AgentUnreachable(template.partition("?")[0], why) from None


def _personal_url(template: str, variables: Mapping[str, str]) -> tuple[str, str]:
    """Return the URL as it was written, and as it is for this call."""
    url = render_url(template, variables)
    if unknown := _INNERMOST.search(url[: _end_of_host(url)]):
        raise AgentUnreachable(
            template.partition("?")[0],
            f"{unknown[0]} is no variable of this call, or one that the caller chose, and callers choose no host",
        )
    return template, url


_UPWARDS: Final = {".": "%252E", "..": "%252E%252E"}
"""Encoded once, dots are still dots (RFC 3986 section 6.2.2.2)."""


def _end_of_host(template: str) -> int:
    """Find where path, query or fragment begin: at a `/`, `?` or `#` after scheme and `//` that is in no `{{name}}`."""
    depth = position = 0
    in_authority = False
    while position < len(template):
        here = template[position : position + 2]
        if here in ("{{", "}}"):
            depth += 1 if here == "{{" else -1
            position += 2
        elif depth <= 0 and here == "//" and not in_authority:
            in_authority = True
            position += 2
        elif depth <= 0 and here[0] in "/?#":
            break
        else:
            position += 1
    return position


def _is_callers(variables: Mapping[str, str], name: str) -> bool:
    return isinstance(variables, Variables) and variables.is_callers(name)


def _encoded(_: str, value: str) -> str:
    return quote(value, safe="", errors="replace")


class _Seen(Mapping[str, str]):
    """Variables as one place of a URL lets them in, made when they are looked up.

    let_in: returns the value that the place gets, of name and value; None hides the variable.
    """

    def __init__(self, values: Mapping[str, str], let_in: Callable[[str, str], str | None]) -> None:
        self._values, self._let_in = values, let_in

    def __getitem__(self, name: str) -> str:
        value = self._let_in(name, self._values[name])
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(name for name in self._values if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)
