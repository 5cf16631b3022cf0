"""What all objects of the API have in common: how they are read, and how they are written as JSON.

Reading is strict about JSON types (`"5"` is not a number, `1` is not a boolean) and lenient about keys: an unknown
key is ignored, because deployed clients send keys that no page documents.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

SAFE_INTEGER: Final = 2**53 - 1
"""Largest integer that every JSON implementation reads exactly (RFC 8259 section 6)."""


def _integral(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


INTEGRAL: Final = BeforeValidator(_integral)
"""JSON knows one number type: `1.0` is the integer 1 (JSON Schema 2020-12, section 4.2.3)."""

Count = Annotated[int, Field(strict=True, ge=0, le=SAFE_INTEGER), INTEGRAL]
Timestamp = Annotated[int, Field(strict=True, ge=0, le=SAFE_INTEGER, description="Milliseconds since 1970."), INTEGRAL]
Milliseconds = Annotated[int, Field(strict=True, ge=0, le=SAFE_INTEGER), INTEGRAL]
Number = Annotated[float, Field(strict=True)]
Fraction = Annotated[float, Field(strict=True, ge=0, le=1)]
UpToTwo = Annotated[float, Field(strict=True, ge=0, le=2)]
Flag = Annotated[bool, Field(strict=True)]
Identifier = Annotated[str, Field(min_length=1, max_length=256)]

# One wrong value is enough to refuse a list or a map. Were each of the 500 000 that fit into a body explained, the
# event loop would stand still for seconds, and with it the audio of every call.
Item = TypeVar("Item")
Many = Annotated[tuple[Item, ...], Field(fail_fast=True)]
"""An array, read up to its first wrong item."""


def _up_to_first_wrong(given: object) -> object:
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(key, str) or not isinstance(value, str):
                return {key: value}
    return given


STRINGS_ONLY: Final = BeforeValidator(_up_to_first_wrong)
"""Beside a map of strings: makes the first wrong value its only one."""

Strings = Many[str]
StringMap = Annotated[dict[str, str], STRINGS_ONLY]
"""Values must be strings: dynamic variables, SIP headers."""
JsonObject = dict[str, JsonValue]
"""Any JSON object; kept as it came."""

SMALL_BYTES: Final = 50 * 1024


def _countable(value: Any) -> Any:
    """Refuses what has more values than bytes are allowed, before time goes into reading each of them."""
    left, values = SMALL_BYTES, [value]
    while values and left > 0:
        here = values.pop()
        if isinstance(here, dict | list):
            left -= len(here)
            values.extend(here.values() if isinstance(here, dict) else here)
    if left <= 0:
        raise ValueError(f"must be at most {SMALL_BYTES} bytes of JSON")
    return value


def small(value: Any) -> Any:
    """The value, if its JSON is small; ValueError else."""
    size_bytes = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if size_bytes > SMALL_BYTES:
        raise ValueError(f"must be at most {SMALL_BYTES} bytes of JSON, not {size_bytes}")
    return value


SMALL: Final = AfterValidator(small)
Metadata = Annotated[JsonObject, BeforeValidator(_countable), SMALL]
"""What a client notes about a call: it is read and written with every change of the record."""
Variables = Annotated[StringMap, Field(max_length=1000)]
"""Dynamic variables as a client gives them."""

AgentVersionNumber = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1), INTEGRAL]
AgentVersionReference = AgentVersionNumber | Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,20}$")]
"""A version number, a tag, `latest` or `latest_published`."""

DataStorageSetting = Literal["everything", "everything_except_pii", "basic_attributes_only"]


def without_defaults(schema: dict[str, Any]) -> None:
    """For the schema of a change: what is left out of one stays as it is, whatever the default of a new object."""
    for described in schema["properties"].values():
        described.pop("default", None)


class ContractModel(BaseModel):
    """An object of the API. Frozen; unknown keys are ignored; NaN and infinity are no numbers."""

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
        """The object as clients see it: JSON values only, keys that are unset (null) left out."""
        return self.model_dump(mode="json", exclude_none=True)

    def changes(self) -> dict[str, Any]:
        """Only what was given explicitly, nulls included: what a PATCH or an override is to change. JSON values."""
        return self.model_dump(mode="json", exclude_unset=True)

    def as_record(self) -> dict[str, Any]:
        """What a store keeps: reads back, by `model_validate`, as an equal object."""
        return self.changes()
