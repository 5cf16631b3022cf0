"""docs/http-api.md names every path and everything that is not served; the requests that pages show are right."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ari_agent.api.route import Route
from ari_agent.api.routes import ROUTES
from ari_agent.contract.call import Call
from ari_agent.contract.chat import Chat
from ari_agent.contract.inbound_answer import read_answer
from ari_agent.contract.phone_call import OlderPhoneCallCreate
from ari_agent.contract.phone_number import PhoneNumberCreate
from ari_agent.contract.registered_call import WebCallCreate
from tests.contract.without_effect_table import BEGIN, table
from tests.documentation.pages import PAGES, ROOT, name
from tests.made_part import renewed

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "http-api.md").read_text()
NOT_SERVED = PAGE.partition("## What is not served yet")[2].partition("\n## ")[0]


def test_every_path_of_the_api_is_named() -> None:
    paths = {route.path.partition("/{")[0] for route in ROUTES}
    assert not {path for path in paths if path not in PAGE}


def test_the_settings_without_effect_are_those_of_the_table() -> None:
    assert renewed(PAGE, BEGIN, table()) == PAGE, (
        "write it anew: python -m tests.contract.without_effect_table docs/http-api.md"
    )


KEPT = {"custom_attributes", "ignore_e164_validation"}
"""What the objects of the API do themselves with these fields is all there is to do."""


@pytest.mark.parametrize("model", [Call, Chat, OlderPhoneCallCreate, PhoneNumberCreate, WebCallCreate])
def test_a_field_that_nothing_reads_and_nothing_writes_is_named_as_not_served(model: Any) -> None:
    package = ROOT / "ari_agent"
    sources = [
        path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in ("contract", "store")
    ]
    code = "\n".join(path.read_text() for path in sources)
    unused = {field for field in model.model_fields if not re.search(rf"\b{field}\b", code)} - KEPT
    assert not {field for field in unused if f"`{field}`" not in NOT_SERVED}


def _shown() -> Iterator[Any]:
    """Every request with a body that a page shows: method, path and body."""
    request = re.compile(r"curl -sH \"\$auth\"( -X \w+)? http://127\.0\.0\.1:8080(/\S+) -d '(\{.*?\})'", re.DOTALL)
    for page in PAGES:
        for method, path, body in request.findall(page.read_text()):
            yield pytest.param(method.removeprefix(" -X ") or "POST", path, body, id=f"{name(page)} {path}")


def _leads_to(path: str, route: Route) -> bool:
    return bool(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route.path), path))


@pytest.mark.parametrize(("method", "path", "body"), [*_shown()])
def test_a_request_that_a_page_shows_is_taken_as_it_is(method: str, path: str, body: str) -> None:
    route = next(route for route in ROUTES if route.method == method and _leads_to(path, route))
    assert route.takes
    given = json.loads(body)
    route.takes.model_validate(given)
    assert set(given) <= set(route.takes.model_fields)


def test_an_answer_of_the_inbound_webhook_that_a_page_shows_is_taken_as_it_is() -> None:
    page = (ROOT / "docs" / "webhooks.md").read_text()
    [shown] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert read_answer(shown.encode(), "call_inbound").answer.dynamic_variables == {"customer": "Bob"}
