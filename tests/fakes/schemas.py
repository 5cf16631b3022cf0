"""The JSON Schemas of `docs/schemas`, by a validator that is not the product's."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

FOLDER: Final = Path(__file__).parents[2] / "docs" / "schemas"


@cache
def _validator(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def is_described(message: Any, name: str) -> bool:
    """Whether a message, parsed, fits the schema of this name, such as `twilio-to-agent`."""
    return _validator(name).is_valid(message)


def require_described(message: Any, name: str) -> None:
    """AssertionError, unless it fits."""
    assert is_described(message, name), f"not in docs/schemas/{name}.json: {json.dumps(message)[:400]}"
