"""Each field of each request with each value that its schema excludes, and what no schema tells of.

The cases are made from the description of the API, so that a new field is tried as well. Whatever comes, the answer
is an error that names the field and says what would be right; never 500, and never with a secret in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import pytest

from tests.api.wire import AGENT_ID, BODIES, DOCUMENT, Server, named, wired, with_bodies
from tests.api.wrong_values import Schemas, Wrong, with_value, wrong_fields

pytestmark = pytest.mark.slow

SCHEMAS: Final = Schemas(DOCUMENT)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with wired(tmp_path_factory.mktemp("served")) as made:
        yield made


def _cases() -> Iterator[tuple[str, str, Sequence[Wrong]]]:
    seen: set[str] = set()
    for method, path, schema in with_bodies():
        yield method, path, list(wrong_fields(SCHEMAS, schema, BODIES.get(path, {}), seen))


CASES: Final = tuple(_cases())


@pytest.mark.parametrize(("method", "path", "wrongs"), CASES, ids=named)
def test_a_wrong_value_of_any_field_is_refused_by_its_name(
    server: Server, method: str, path: str, wrongs: Sequence[Wrong]
) -> None:
    assert wrongs
    unexpected = []
    for wrong in wrongs:
        answer = server.send(method, path, wrong.body)
        told = "password" in wrong.named and json.dumps(wrong.value) in answer.message
        if answer.status != 400 or told or not _names(answer.message, wrong):
            unexpected.append((wrong.named, wrong.value, answer))
    assert not unexpected, f"{len(unexpected)} of {len(wrongs)}: {unexpected[:20]}"


def _names(message: str, wrong: Wrong) -> bool:
    """`a.b: must be ...`, or of a field that tells kinds of objects apart: `a: b must be one of ...`."""
    return wrong.named in message or f"{wrong.parent}: {wrong.path[-1]} must be one of" in message


HOSTILE: Final[Sequence[Any]] = (
    "\x00",
    "+1415\x007770000",
    "\u202e\ufffe\U0010ffff",
    "'; DROP TABLE calls; --",
    "{{" * 500,
    "x" * 100_000,
    2**53,
    2**63,
    -(2**63) - 1,
    10**400,
    -0.0,
    5e-324,
    1.7e308,
    {"": {"\x00": "\x00"}, "__proto__": {"a": 1}, "k" * 2000: 1},
    ["\x00"] * 50,
    json.loads("[" * 150 + "]" * 150),
)


def _hostile_cases() -> Iterator[tuple[str, str, Sequence[Any]]]:
    seen: set[str] = set()
    for method, path, schema in with_bodies():
        bodies = []
        for at, inner, body in SCHEMAS.fields(schema, body=BODIES.get(path, {})):
            # what stands deep in an object is the same in each request that has the object
            if (field := f"{at[-1]} {inner}" if len(at) > 2 else f"{method} {path} {at}") not in seen:
                seen.add(field)
                bodies += [with_value(body, at, value) for value in HOSTILE]
        yield method, path, bodies


HOSTILE_CASES: Final = tuple(_hostile_cases())


@pytest.mark.parametrize(("method", "path", "bodies"), HOSTILE_CASES, ids=named)
def test_a_hostile_value_of_any_field_is_no_defect_of_ours(
    server: Server, method: str, path: str, bodies: Sequence[Any]
) -> None:
    documented = {int(status) for status in DOCUMENT["paths"][path][method.lower()]["responses"]} - {500, 503}
    for body in bodies:
        answer = server.send(method, path, body)
        assert answer.status in documented, (body, answer)
        if answer.status >= 400:
            assert answer.message


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_postgresql_cannot_hold_is_no_defect_there(tmp_path: Path, database_url: str) -> None:
    """Its texts hold no NUL and its integers 64 bits."""
    hostile = [repr(value) for value in ("\x00", 2**53, 2**63)]
    with wired(tmp_path, database_url) as server:
        for method, path, bodies in HOSTILE_CASES:
            for body in bodies:
                written = repr(body)
                if any(value in written for value in hostile):
                    assert server.send(method, path, body).status in {200, 201, 204, 400, 404, 422, 429, 501}, body
        for path in ("/list-agents", "/list-phone-numbers", "/list-calls", "/list-chat"):
            assert server.send("GET", path).status == 200


# Ids and queries.

IDS: Final = (
    "unknown",
    "%00",
    "%ff",
    "%F0%9F%98%80",
    "a%20b",
    "a%2Fb",
    "'%20OR%201=1--",
    "0",
    "-1",
    "9" * 30,
    "x" * 4000,
)
WITH_IDS: Final = tuple(
    (method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods if "{" in path
)


@pytest.mark.parametrize(("method", "path"), WITH_IDS, ids=named)
def test_an_unknown_id_in_the_path_is_422(server: Server, method: str, path: str) -> None:
    for unknown in IDS:
        noun, _, _ = path.partition("{")
        query = "?version=1" if path.startswith("/delete-agent-version") else ""
        answer = server.send(method, f"{noun}{unknown}{query}", BODIES.get(path, {}))
        assert answer.status == 422, (unknown, answer)
        assert "not found" in answer.message


@pytest.mark.parametrize("path", [path for path, body in BODIES.items() if AGENT_ID in json.dumps(body)])
def test_an_unknown_agent_in_a_body_is_422(server: Server, path: str) -> None:
    body = json.loads(json.dumps(BODIES[path]).replace(AGENT_ID, "agent_unknown"))
    answer = server.send("POST", path, body)
    assert answer.status == 422
    assert "agent_unknown" in answer.message


@pytest.mark.parametrize("path", [path for path, body in BODIES.items() if "from_number" in body])
def test_a_number_that_is_not_ours_is_422(server: Server, path: str) -> None:
    answer = server.send("POST", path, {**BODIES[path], "from_number": "+14150000000"})
    assert answer.status == 422
    assert "+14150000000" in answer.message


QUERIES: Final = tuple(
    (method.upper(), path, parameter["name"], parameter["schema"])
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    for parameter in operation.get("parameters", ())
    if parameter["in"] == "query"
)


@pytest.mark.parametrize(("method", "path", "name", "schema"), QUERIES, ids=named)
def test_a_wrong_value_in_a_query_is_refused_by_its_name(
    server: Server, method: str, path: str, name: str, schema: Any
) -> None:
    wrong = ["%00", "%ff", "%20", "a b%0A", "%C3%A4", "x" * 300]
    if any(branch.get("type") == "integer" for branch in SCHEMAS.branches(schema)):
        wrong += ["-1", "1.5", "9" * 20, "9" * 5000, "1e3", "NaN"]
    patterns = [branch["pattern"] for branch in SCHEMAS.branches(schema) if "pattern" in branch]
    for value in wrong:
        if any(re.search(pattern, unquote(value)) for pattern in patterns):
            continue
        answer = server.send(method, f"{path}?{name}={value.replace(' ', '+')}", BODIES.get(path, {}))
        assert answer.status == 400, (value, answer)
        assert answer.message.startswith(f"{name}: ")
