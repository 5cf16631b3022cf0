"""Turns pydantic's errors into one line that says which fields are wrong and what would be right."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

MAX_FIELDS: Final = 8
"""How many wrong fields are named; of the others only their number."""
_MAX_ERRORS: Final = 1000  # explaining each of more would take time that live calls need
_MAX_SHOWN_CHARACTERS: Final = 60
_SECRET_WORDS: Final = ("password", "secret", "header", "token", "authorization")
NOT_GIVEN: Final = object()
"""Stands for input that is not known."""


def explain(error: ValidationError, given: object = NOT_GIVEN, *, root: str = "body", shows_values: bool = True) -> str:
    """One line about all wrong fields, as in `voice_speed: must be less than or equal to 2, not 3; voice_id: required`.

    given: the input that was validated; pydantic's locations also name members of unions, and only the input tells
    those from fields, so without it they are shown. root: what to call the whole object where an error is not about
    one field. shows_values: what was given is shown, but for fields that may hold a secret; else of none.
    """
    if error.error_count() > _MAX_ERRORS:
        return f"{root}: {error.error_count()} values in it are wrong"
    by_path: dict[str, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        if _is_consequence(detail):
            continue
        by_path.setdefault(_path(detail, given), []).append(detail)
    lines = [f"{path or root}: {_sentence(path, details, shows_values)}" for path, details in by_path.items()]
    hidden = len(lines) - MAX_FIELDS
    shown = "; ".join(lines[:MAX_FIELDS])
    return f"{shown}; and {hidden} more" if hidden > 0 else shown


def _is_consequence(detail: ErrorDetails) -> bool:
    """Whether an array has too few items only because it was read up to a wrong one, which has an error of its own."""
    given = detail["input"]
    return detail["type"] == "too_short" and isinstance(given, list) and len(given) >= detail["ctx"]["min_length"]


def _sentence(path: str, details: Sequence[ErrorDetails], shows_value: bool) -> str:
    expected = " or ".join(dict.fromkeys(_expectation(detail) for detail in details))
    secret = not shows_value or any(word in path.lower() for word in _SECRET_WORDS)
    return expected if secret else expected + _shown(details[-1])


def _path(detail: ErrorDetails, given: object) -> str:
    """The path of the field as the client wrote it, without the names of union members that pydantic adds."""
    path = ""
    here = given
    for part in detail["loc"]:
        if here is not NOT_GIVEN and _is_union_member(part, here, detail):
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{_name(part)}" if path else _name(part)
        here = _descend(part, here)
    return path


def _name(part: str) -> str:
    return part if part.isprintable() else json.dumps(part)[1:-1]


def _is_union_member(part: int | str, here: object, detail: ErrorDetails) -> bool:
    """Whether this part of a location names a member of a union, and not a field of the input or a missing one."""
    if isinstance(here, dict):
        about_here = detail["input"] is here and detail["type"] != "missing"
        return part not in here and (about_here or here.get("type") == part)
    return not (isinstance(here, list | tuple) and isinstance(part, int))


def _descend(part: int | str, here: object) -> object:
    if isinstance(here, dict):
        return here.get(part, NOT_GIVEN)
    if isinstance(here, list | tuple) and isinstance(part, int) and part < len(here):
        return here[part]
    return NOT_GIVEN


_WORDING: Final[Mapping[str, str]] = {
    "missing": "required",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "tuple_type": "must be an array",
    "list_type": "must be an array",
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "int_parsing": "must be an integer",
    "int_parsing_size": "must be an integer of fewer digits",
    "bool_parsing": "must be true or false",
    "finite_number": "must be a finite number",
}
_PREFIXES: Final[Mapping[str, str]] = {
    "Input should be ": "must be ",
    "Input should ": "must ",
    "String should ": "must ",
    "Value should ": "must ",
    "Tuple should ": "must ",
    "Dictionary should ": "must ",
}


def _expectation(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "value_error":
            return str(context["error"])
        case "string_pattern_mismatch":
            return f"must match {context['pattern']}"
        case "union_tag_invalid":
            return f"{_discriminator(context)} must be one of {context['expected_tags']}"
        case "union_tag_not_found":
            return f"needs a {_discriminator(context)}"
        case kind:
            return _WORDING.get(kind) or _reworded(detail["msg"])


def _reworded(message: str) -> str:
    message = message.replace(" after validation", "")
    for prefix, wording in _PREFIXES.items():
        if message.startswith(prefix):
            return wording + message.removeprefix(prefix)
    return message[:1].lower() + message[1:]


def _discriminator(context: Mapping[str, object]) -> str:
    return str(context["discriminator"]).strip("'")


def _shown(detail: ErrorDetails) -> str:
    """The wrong value, as in `, not 3`, if it is short; nothing for a message of our own, which shows it itself."""
    value = detail["input"]
    if detail["type"] in {"missing", "value_error"} or not isinstance(value, str | int | float | bool | None):
        return ""
    text = json.dumps(value)
    return f", not {text}" if len(text) <= _MAX_SHOWN_CHARACTERS else ""
