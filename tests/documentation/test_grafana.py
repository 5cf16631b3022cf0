"""docs/grafana: every metric and label that dashboard, alert rules and page name is there before any call."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from tests.documentation.pages import ROOT
from tests.fakes.agent_server import listen
from tests.fakes.controller_alone import controller_alone

GRAFANA: Final = ROOT / "docs" / "grafana"
PAGE: Final = ROOT / "docs" / "latency-and-metrics.md"
OF_THE_SCRAPE: Final = frozenset({"job", "instance"})
Labels = Mapping[str, set[str]]
"""label -> its values"""


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GRAFANA / "ari-agent.json").read_text())
    return found


def queries() -> Iterator[tuple[str, str]]:
    """(where, PromQL), with the legend of a panel behind its query, as another user of labels."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            legend = " ".join(f"by ({label})" for label in re.findall(r"{{(\w+)}}", target["legendFormat"]))
            yield panel["title"], f"{target['expr']} {legend}"
    text = (GRAFANA / "alerts.yml").read_text()
    for rule in re.split(r"^      - alert: ", text, flags=re.MULTILINE)[1:]:
        query = re.search(r"^        expr: (?:>-\n)?((?:.*\n)(?:          .*\n)*)", rule, flags=re.MULTILINE)
        assert query, rule
        yield rule.splitlines()[0], query[1]


CASES: Final = list(queries())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mapping[str, Labels]]:
    """Sample name -> labels, of a controller that has had no call and no Asterisk."""
    async with controller_alone(tmp_path_factory.mktemp("metrics"), listen) as (controller, _):
        text = (await controller.get("/metrics")).text
    metrics: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            for label, value in sample.labels.items():
                metrics[sample.name][label].add(value)
            assert metrics[sample.name] is not None
    yield metrics


def test_there_is_something_to_check() -> None:
    assert len(CASES) > 50
    assert {"AriAgentSlotsTaken", "Wait for an answer"} <= {where for where, _ in CASES}


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("where", "query"), CASES, ids=[f"{index}-{where}" for index, (where, _) in enumerate(CASES)])
async def test_every_metric_and_label_of_a_query_is_there(shown: Mapping[str, Labels], where: str, query: str) -> None:
    used = re.findall(r"\b(ari_agent_\w+)(?:{([^}]*)})?", query)
    assert used, where
    grouped = {label for labels in re.findall(r"\bby \(([^)]*)\)", query) for label in re.split(r",\s*", labels)}
    for name, selector in used:
        assert name in shown, f"{where}: no metric {name}"
        labels = shown[name]
        for label, operator, value in re.findall(r'(\w+)\s*(=~|!=|!~|=)\s*"([^"]*)"', selector):
            assert label in labels or label in OF_THE_SCRAPE, f"{where}: {name} has no label {label}"
            if label not in OF_THE_SCRAPE:
                values = value.split("|") if "~" in operator else [value]
                assert set(values) <= labels[label], f"{where}: {name} has no {label} {value}"
    known = OF_THE_SCRAPE.union(*(shown[name] for name, _ in used))
    assert grouped <= known, f"{where}: nothing has the labels {grouped - known}"


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_every_metric_of_the_page_is_there(shown: Mapping[str, Labels]) -> None:
    described = set(re.findall(r"`(ari_agent_\w+)[`{]", PAGE.read_text()))
    names = {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown}
    assert len(described) > 20
    assert described - names == {"ari_agent_ari_events_total"}, "not there before the first call"
    assert names - described == set(), "not on the page"


def test_the_dashboard_can_be_imported() -> None:
    found = dashboard()
    assert found["schemaVersion"] >= 38  # Grafana 10
    assert "id" not in found, "a dashboard with an id belongs to one Grafana"
    ids = [panel["id"] for panel in found["panels"]]
    assert len(ids) == len(set(ids))
    for panel in found["panels"]:
        assert panel["type"] == "row" or panel["datasource"]["uid"] == "${datasource}", panel["title"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
    assert [variable["name"] for variable in found["templating"]["list"]] == ["datasource", "job", "instance"]


def test_every_alert_says_what_is_wrong_and_how_bad_it_is() -> None:
    text = Path(GRAFANA / "alerts.yml").read_text()
    rules = text.count("- alert: ")
    assert text.count("labels: {severity: ") == text.count("          summary: ") == rules
    assert len(set(re.findall(r"- alert: (\w+)", text))) == rules
