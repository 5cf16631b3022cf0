"""What the models of all messages have in common, and how a table of them becomes one JSON Schema. Pure.

The models describe; twilio.py, web.py and llm.py read and write, faster and more leniently. Tests hold the two
together: whatever the fake agents of `tests/` are told must fit the schema, and every example must be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from ari_agent.contract.parsing.explain import explain

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class Message(BaseModel):
    """Base class of the models of messages. Fields that a model does not name may be there, because protocols grow."""

    model_config = ConfigDict(extra="allow", frozen=True)


@dataclass(frozen=True, slots=True)
class MessageTable:
    """The messages of one protocol in one direction.

    key: the field that tells which message it is. models: by the value of that field, or `event_type ` and the value of
    that one. default: the kind of a message without such a field. title, description: for people.
    """

    key: str
    models: Mapping[str, type[BaseModel]]
    title: str
    description: str
    default: str | None = None

    def kind(self, message: Mapping[str, object]) -> str | None:
        """Return which message this is, known or not; `default` where it does not say."""
        for key, name in ((self.key, "{}"), ("event_type", "event_type {}")):
            if isinstance(given := message.get(key), str):
                return name.format(given)
        return self.default

    def fault(self, message: Mapping[str, object]) -> str | None:
        """Return what is wrong with a message, in words; None where nothing is, or its kind is unknown."""
        kind = self.kind(message)
        model = self.models.get(kind or "")
        if model is None:
            return None
        try:
            model.model_validate(message)
        except ValidationError as error:
            return explain(error, message, root=kind or "")
        return None

    def example(self, kind: str) -> str | None:
        """Return a message of this kind as JSON text that would be right; None where the kind is unknown."""
        model = self.models.get(kind)
        extra = model.model_config.get("json_schema_extra") if model else None
        return json.dumps(extra["examples"][0]) if isinstance(extra, dict) else None  # type: ignore[index]

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of a text message."""
        listed: list[tuple[type[BaseModel], JsonSchemaMode]] = [
            (model, "validation") for model in dict.fromkeys(self.models.values())
        ]
        refs, definitions = models_json_schema(listed, ref_template="#/$defs/{model}")
        return {
            "$schema": DIALECT,
            "title": self.title,
            "description": self.description,
            "oneOf": [refs[entry] for entry in listed],
            **definitions,
        }
