"""What would be wrong for each field of a request, read from its schema: no field can be forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Schema = Mapping[str, Any]
Step = str | int

_OF_EACH_TYPE: Final[Mapping[str, Any]] = {
    "string": "a text that nobody expects here",
    "integer": 7_777_777,
    "number": 0.123456,
    "boolean": True,
    "array": ["a text that nobody expects here"],
    "object": {"nobody": "expects this"},
    "null": None,
}
_MAX_DEPTH: Final = 9


@dataclass(frozen=True, slots=True)
class Wrong:
    """One field with a value that its schema excludes. body: the whole of it."""

    path: tuple[Step, ...]
    value: Any
    body: Any

    @property
    def named(self) -> str:
        """The field as an error names it: `action.text`, `tasks[0].to_number`."""
        text = ""
        for step in self.path:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
        return text

    @property
    def parent(self) -> str:
        """The field that holds it."""
        return Wrong(self.path[:-1], None, None).named


class Schemas:
    """The schemas of an OpenAPI document."""

    def __init__(self, document: Schema) -> None:
        self._named: Schema = document["components"]["schemas"]

    def resolved(self, schema: Schema) -> Schema:
        """Without a reference."""
        while "$ref" in schema:
            schema = self._named[schema["$ref"].rsplit("/", 1)[-1]]
        return schema

    def branches(self, schema: Schema) -> list[Schema]:
        """The members of a union, or what is none."""
        schema = self.resolved(schema)
        members = schema.get("anyOf") or schema.get("oneOf")
        return [branch for member in members for branch in self.branches(member)] if members else [schema]

    def fields(
        self, schema: Schema, path: tuple[Step, ...] = (), body: Any = None
    ) -> Iterator[tuple[tuple[Step, ...], Schema, Any]]:
        """Every field below this one, each with a body in which all fields above it are there."""
        for branch in self.branches(schema):
            if len(path) > _MAX_DEPTH:
                continue
            if properties := branch.get("properties"):
                here = with_value(body, path, self.example(branch)) if path else body
                for name, inner in properties.items():
                    yield (*path, name), inner, here
                    yield from self.fields(inner, (*path, name), here)
            if isinstance(items := branch.get("items"), Mapping) and items:
                here = with_value(body, path, [self.example(items)])
                yield (*path, 0), items, here
                yield from self.fields(items, (*path, 0), here)
            if isinstance(values := branch.get("additionalProperties"), Mapping) and values:
                here = with_value(body, path, {"some_key": self.example(values)})
                yield (*path, "some_key"), values, here
                yield from self.fields(values, (*path, "some_key"), here)

    def example(self, schema: Schema) -> Any:
        """The smallest value that fits."""
        first = self.branches(schema)[0]
        if "const" in first:
            return first["const"]
        if "enum" in first:
            return first["enum"][0]
        if first.get("examples"):
            return first["examples"][0]
        match first.get("type"):
            case "object":
                return {name: self.example(first["properties"][name]) for name in first.get("required", ())}
            case "array":
                tuple_items = [self.example(item) for item in first.get("prefixItems", ())]
                return tuple_items or [self.example(first["items"])] * first.get("minItems", 0)
            case "integer" | "number":
                return first.get("minimum", 1)
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return "x" * max(1, first.get("minLength", 1))

    def wrong(self, schema: Schema) -> Iterator[Any]:
        """Values that no member of the union allows: of another type, out of range, not among the choices."""
        branches = self.branches(schema)
        types = {kind for branch in branches for kind in _types(branch)}
        if types == set(_OF_EACH_TYPE):
            return
        for kind, value in _OF_EACH_TYPE.items():
            if kind not in types and not (kind == "integer" and "number" in types):
                yield value
        for branch in branches:
            yield from _out_of_range(branch)
        texts = [branch for branch in branches if "string" in _types(branch)]
        if texts and all("enum" in branch or "const" in branch for branch in texts):
            yield "no such choice"


def _types(branch: Schema) -> set[str]:
    if "type" in branch:
        return {branch["type"]}
    values = [branch["const"]] if "const" in branch else branch.get("enum", ())
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    return {kinds[type(value)] for value in values} or set(_OF_EACH_TYPE)


def _out_of_range(branch: Schema) -> Iterator[Any]:
    if "minimum" in branch:
        yield branch["minimum"] - 1
    if "maximum" in branch:
        yield branch["maximum"] + 1
    if "exclusiveMinimum" in branch:
        yield branch["exclusiveMinimum"]
    if "exclusiveMaximum" in branch:
        yield branch["exclusiveMaximum"]
    if branch.get("minLength"):
        yield "x" * (branch["minLength"] - 1)
    if "maxLength" in branch:
        yield "x" * (branch["maxLength"] + 1)
    if "pattern" in branch:
        yield "\u00e4 \u0000\n"
    if branch.get("minItems"):
        yield []


def with_value(body: Any, path: Sequence[Step], value: Any) -> Any:
    """A copy of the body with this value at this place; what is missing on the way is made."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        items = list(body) if isinstance(body, list) and body else [None]
        items[step] = with_value(items[step], rest, value)
        return items
    fields = dict(body) if isinstance(body, dict) else {}
    fields[step] = with_value(fields.get(step), rest, value)
    return fields


def wrong_fields(schemas: Schemas, schema: Schema, good: Any, seen: set[str]) -> Iterator[Wrong]:
    """Each field of a body with each wrong value, in an otherwise good body.

    seen: fields that had all their wrong values in another body, which have one in this; those of this are added.
    """
    here: set[str] = set()
    for path, inner, body in schemas.fields(schema, body=good):
        field = f"{path[-1]} {inner}"
        for value in schemas.wrong(inner):
            wrong = Wrong(path, value, with_value(body, path, value))
            if (key := f"{path} {wrong.body}") not in here:
                here.add(key)
                yield wrong
                if field in seen:
                    break
        here.add(field)
    seen |= here
