"""What all objects of the API have in common: how they are read, and how they are written as JSON.

Reading is strict about JSON types (`"5"` is not a number, `1` is not a boolean) and lenient about keys: an unknown
key is ignored, because deployed clients send keys that no page documents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

SAFE_INTEGER: Final = 2**53 - 1
"""The largest integer that every JSON implementation reads exactly (RFC 8259 section 6)."""


def _integral(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


INTEGRAL: Final = BeforeValidator(_integral)
"""Lets an integer field take `1.0`: JSON has one number type (JSON Schema 2020-12, section 4.2.3)."""

Count = Annotated[int, Field(strict=True, ge=0, le=SAFE_INTEGER), INTEGRAL]
Timestamp = Annotated[int, Field(strict=True, ge=0, le=SAFE_INTEGER, description="Milliseconds since 1970."), INTEGRAL]
Milliseconds = Annotated[int, Field(strict=True, ge=0, le=SAFE_INTEGER), INTEGRAL]
Number = Annotated[float, Field(strict=True)]
Fraction = Annotated[float, Field(strict=True, ge=0, le=1)]
UpToTwo = Annotated[float, Field(strict=True, ge=0, le=2)]
Flag = Annotated[bool, Field(strict=True)]
Identifier = Annotated[str, Field(min_length=1, max_length=256)]

# One wrong value is enough to refuse an array or a map. Explaining each of the 500 000 that fit into a body would stop
# the event loop for seconds, and with it the audio of every call.
Item = TypeVar("Item")
Many = Annotated[tuple[Item, ...], Field(fail_fast=True)]
"""An array of any length, whose validation stops at the first wrong item."""


def _only_first_wrong(given: object) -> object:
    """The map, or only its first entry that is not a string under a string."""
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(key, str) or not isinstance(value, str):
                return {key: value}
    return given


STRINGS_ONLY: Final = BeforeValidator(_only_first_wrong)
"""Annotates a map of strings so that its validation stops at the first wrong value."""

Strings = Many[str]
StringMap = Annotated[dict[str, str], STRINGS_ONLY]
"""A map of strings by name, such as dynamic variables or SIP headers."""
JsonObject = dict[str, JsonValue]
"""Any JSON object, kept as it came."""

MAX_METADATA_BYTES: Final = 50 * 1024
"""The limit of what a client may store with a call, as compact JSON in UTF-8."""


def _refuse_too_many_values(value: Any) -> Any:
    """Refuse what has more values than bytes are allowed, before time is spent on validating each of them."""
    left, values = MAX_METADATA_BYTES, [value]
    while values and left > 0:
        here = values.pop()
        if isinstance(here, dict | list):
            left -= len(here)
            values.extend(here.values() if isinstance(here, dict) else here)
    if left <= 0:
        raise ValueError(f"must be at most {MAX_METADATA_BYTES} bytes of JSON")
    return value


def require_small(value: Any) -> Any:
    """Return the value; raises ValueError if its JSON has more than MAX_METADATA_BYTES."""
    size_bytes = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if size_bytes > MAX_METADATA_BYTES:
        raise ValueError(f"must be at most {MAX_METADATA_BYTES} bytes of JSON, not {size_bytes}")
    return value


SMALL: Final = AfterValidator(require_small)
"""Annotates a field whose JSON may have at most MAX_METADATA_BYTES."""
Metadata = Annotated[JsonObject, BeforeValidator(_refuse_too_many_values), SMALL]
"""A client's own notes about a call or chat; small, since every change of the record reads and writes them."""
Variables = Annotated[StringMap, Field(max_length=1000)]
"""Dynamic variables of a request: at most 1000, by name."""

AgentVersionNumber = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1), INTEGRAL]
AgentVersionReference = AgentVersionNumber | Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,20}$")]
"""Which version of an agent is meant: its number, a tag, `latest` or `latest_published`."""

DataStorageSetting = Literal["everything", "everything_except_pii", "basic_attributes_only"]
"""How much of a call or chat is stored, from most to least."""


def refuse_types(noun: str, instead: Mapping[str, str]) -> BeforeValidator:
    """Annotate a union of objects so that some types of them are refused. instead: what to do, by the type."""

    def check(given: Any) -> Any:
        kind = given.get("type") if isinstance(given, Mapping) else None
        if isinstance(kind, str) and kind in instead:
            raise ValueError(f"{noun} of type {kind!r} are not served here; {instead[kind]}")
        return given

    return BeforeValidator(check)


def without_defaults(schema: dict[str, Any]) -> None:
    """Remove the defaults from the JSON Schema of an update, where a field that is left out keeps its present value."""
    for described in schema["properties"].values():
        described.pop("default", None)


class ContractModel(BaseModel):
    """Base class of all objects of the API: frozen; unknown keys are ignored; NaN and infinity are not numbers.

    OLDER_KEYS: those that are no fields, but are read as older clients mean them.
    """

    OLDER_KEYS: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        protected_namespaces=(),
        hide_input_in_errors=True,
    )

    def as_json(self) -> dict[str, Any]:
        """The object as the API answers it: a dict of JSON values, without the keys whose value is null."""
        return self.model_dump(mode="json", exclude_none=True)

    def changes(self) -> dict[str, Any]:
        """The fields that were given explicitly, nulls included, as JSON: what a PATCH or an override changes."""
        return self.model_dump(mode="json", exclude_unset=True)

    def as_record(self) -> dict[str, Any]:
        """The object as the database stores it; `model_validate` reads it back as an equal object."""
        return self.changes()


def unknown_keys(model: type[BaseModel], given: object) -> Sequence[str]:
    """Return the keys of an input that this model does not read, in their order; none where the input is no object."""
    if not isinstance(given, dict):
        return ()
    older: frozenset[str] = getattr(model, "OLDER_KEYS", frozenset())
    known = older.union(*((name, field.alias or name) for name, field in model.model_fields.items()))
    return [key for key in given if key not in known]
