from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from ari_agent.api.openapi import describe
from ari_agent.api.routes import ROUTES
from ari_agent.contract.webhook_event import WebhookEventName
from tests.api.conftest import API_KEY, Api
from tests.api.served import ENDED, LIVE, NUMBER, served

if TYPE_CHECKING:
    import schemathesis

pytestmark = pytest.mark.slow


async def test_the_description_is_open_to_all_and_names_every_path(api: Api) -> None:
    response = await api.session.get(api.make_url("/openapi.json"), headers={"Authorization": ""})
    document = await response.json()
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(route.method, route.path) for route in ROUTES}


def test_every_operation_has_a_name_of_its_own_and_a_summary() -> None:
    operations = [operation for methods in describe()["paths"].values() for operation in methods.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] in operation["description"] for operation in operations)


def test_servers_and_every_webhook_with_its_body_are_described() -> None:
    document = describe()
    assert document["servers"][0]["url"] == "/"
    assert set(document["webhooks"]) == {*WebhookEventName, "call_inbound", "chat_inbound"}
    schemas = document["components"]["schemas"]
    for webhook in document["webhooks"].values():
        schema = webhook["post"]["requestBody"]["content"]["application/json"]["schema"]
        named = [schema, *schema.get("properties", {}).values()]
        assert [part["$ref"].rpartition("/")[2] in schemas for part in named if "$ref" in part] == [True]


@cache
def operations() -> Mapping[str, Any]:
    """Every operation of the description by its method and path."""
    import schemathesis
    from schemathesis.core.result import Ok

    document = schemathesis.openapi.from_dict(describe())
    return {found.ok().label: found.ok() for found in document.get_all_operations() if isinstance(found, Ok)}


def checks(label: str) -> list[Any]:
    """What holds for an answer of this operation."""
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    # 501 is a server error that is meant: what Retell serves over WebRTC
    return [
        *([] if label in UNSERVED else [not_a_server_error]),
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
    ]


MAX_EXAMPLES = min(12, settings().max_examples // 3)
KNOWN = {"call_id": (LIVE.call_id, ENDED.call_id), "phone_number": (NUMBER,)}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    with served(tmp_path_factory.mktemp("served")) as (url, agent_id):
        yield url, agent_id


TAKE_NOTHING = {f"{route.method} {route.path}" for route in ROUTES if route.public}
UNSERVED = {f"{route.method} {route.path}" for route in ROUTES if 501 in route.refuses}
LABELS = [f"{route.method} {route.path}" for route in ROUTES]
SENT = [
    (label, mode)
    for label in LABELS
    for mode in ("positive", "negative")
    if mode == "positive" or label not in TAKE_NOTHING
]


def test_every_operation_is_sent_something() -> None:
    assert set(operations()) == set(LABELS)


@pytest.mark.parametrize(("label", "mode"), SENT)
def test_whatever_is_sent_the_answer_is_a_documented_one(running: tuple[str, str], label: str, mode: str) -> None:
    """Valid and invalid requests to every operation, for ids that are there and ids that are not."""
    from schemathesis.generation import GenerationMode

    url, agent_id = running
    operation = operations()[label]
    known = {**KNOWN, "agent_id": (agent_id,)}

    @settings(max_examples=MAX_EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)), data=strategies.data())
    def run(case: schemathesis.Case[Any], data: strategies.DataObject) -> None:
        if not label.startswith("DELETE"):
            for name in set(case.path_parameters or {}) & set(known):
                case.path_parameters[name] = data.draw(
                    strategies.sampled_from([*known[name], case.path_parameters[name]])
                )
        case.call_and_validate(url, headers={"Authorization": f"Bearer {API_KEY}"}, checks=checks(label))

    run()
