"""Reads what Asterisk's REST interface has answered. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ari_agent.errors import AsteriskRefused

_Model = TypeVar("_Model", bound=BaseModel)


def text_in(answer: Any, *keys: str) -> str | None:
    """Return as text what stands in a JSON object under these keys, one within the other; None where nothing does."""
    for key in keys:
        answer = answer.get(key) if isinstance(answer, dict) else None
    return None if answer is None else str(answer)


def read(model: type[_Model], method: str, path: str, answer: Any) -> _Model:
    """Read an answer as this model. method, path: of the request, for the error.

    Raises:
        AsteriskRefused: it is none.
    """
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        raise AsteriskRefused(method, path, 200, f"not a {model.__name__}: {error.error_count()} faults") from None


def read_all(model: type[_Model], path: str, answer: Any) -> list[_Model]:
    """Read each item of a list; no items where the answer is no list. path: of the GET request, for the error.

    Raises:
        AsteriskRefused: an item is no such model.
    """
    items: Iterable[Any] = answer if isinstance(answer, list) else ()
    return [read(model, "GET", path, item) for item in items]
