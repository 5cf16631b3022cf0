"""Reads the answer of an inbound webhook, about a call or a text message: one rule for all that peers write. Pure.

Receivers are made with tools that know no types (a sheet's cells, a form, a workflow), and the caller waits. So one
value that cannot be read is left out alone, with a word for the log, and everything else of the answer holds:

    in the answer                       is read as
    a byte order mark before the JSON   nothing
    [{...}], the whole or its part      {...}
    null or "" in a field               the field is left out
    dynamic_variables: a string         itself
        a number or boolean             its text in JSON: 5, 0.5, true
        an array or object              its text in JSON
        null                            the variable is left out
    agent_override: a wrong setting     that setting is left out, or the part of it that contradicts itself
    anything else that is not valid     the field is left out

Source: Retell, "Inbound call & SMS webhook" (2026-08), for the fields and their types; it takes the whole answer or
none of it.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import ValidationError

from ari_agent.contract.inbound import InboundWebhookAnswer
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.parsing.json_text import compact_json, parse_json

Part = Literal["call_inbound", "chat_inbound"]
_MAX_WRONG_SETTINGS: Final = 100


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """What an answer says, and what was left out of it: each a sentence that names the field, for the log."""

    answer: InboundWebhookAnswer
    left_out: tuple[str, ...] = ()


def read_answer(body: bytes, part: Part) -> ReadAnswer:
    """Read the body of a 2xx answer. An empty one, or one without `part`, overrides nothing.

    part: the key that the decision is under.

    Raises:
        MalformedJson: the body is not JSON (RFC 8259: UTF-8, no NaN).
    """
    text = body.removeprefix(codecs.BOM_UTF8)
    if not text.strip():
        return ReadAnswer(InboundWebhookAnswer())
    left_out: list[str] = []
    whole = _object(parse_json(text), "answer", left_out)
    left_out += [f"{name}: belongs into {part}" for name in InboundWebhookAnswer.model_fields if name in whole]
    given = _object(whole.get(part), part, left_out)
    valid = {name: _valid(name, given[name], left_out) for name in InboundWebhookAnswer.model_fields if name in given}
    answer = InboundWebhookAnswer.model_validate({name: value for name, value in valid.items() if value is not None})
    return ReadAnswer(answer, tuple(left_out))


def _object(value: Any, what: str, left_out: list[str]) -> Mapping[str, Any]:
    """The value, or the only object in it; an empty one where there is none, which `left_out` then tells of `what`."""
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    if isinstance(value, dict):
        return value
    if value not in (None, ""):
        left_out.append(f"{what}: must be an object")
    return {}


def _valid(name: str, value: Any, left_out: list[str]) -> Any:
    """What of the field's value is valid; None for nothing. `left_out` gets a sentence about what is not."""
    if name == "dynamic_variables" and isinstance(value, dict):
        value = {variable: _text(held) for variable, held in value.items() if held is not None}
    while value not in (None, ""):
        try:
            InboundWebhookAnswer.model_validate({name: value})
        except ValidationError as error:
            left_out.append(explain(error, {name: value}))
            kept = _without_wrong(value, error) if name == "agent_override" else None
            value = None if kept == value else kept
        else:
            return value
    return None


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case bool() | float() | list() | dict():
            return compact_json(value).decode()
        case _:
            return str(value)


def _without_wrong(override: Any, error: ValidationError) -> dict[str, Any] | None:
    """The override without the settings that the error is about, and without each part in which it names no setting."""
    if not isinstance(override, dict) or error.error_count() > _MAX_WRONG_SETTINGS:
        return None
    wrong = {detail["loc"][1:3] for detail in error.errors(include_url=False, include_context=False)}
    return {
        part: {name: value for name, value in settings.items() if (part, name) not in wrong}
        for part, settings in override.items()
        if (part,) not in wrong and isinstance(settings, dict)
    }
