from __future__ import annotations

import json

import pytest

from ari_agent.check.finding import Finding, Status, failed, ok, skipped, warning
from ari_agent.check.report import Entry, as_json, as_text, has_failed


def entries(*findings: list[Finding]) -> list[Entry]:
    groups = ("This machine", "This machine", "Asterisk", "Asterisk")
    names = ("database", "secrets", "ari", "echo")
    return [Entry(group, name, found) for group, name, (found,) in zip(groups, names, findings, strict=False)]


ALL = entries(
    ok("it can be written"),
    warning("everybody can read it", "chmod 600 it"),
    failed("nobody listens", "start it"),
    skipped("ari has to be ok first"),
)


def test_people_get_a_line_each_in_groups_and_a_count() -> None:
    assert as_text(ALL).splitlines() == [
        "This machine",
        "  ok       database         it can be written",
        "  warning  secrets          everybody can read it: chmod 600 it",
        "Asterisk",
        "  failed   ari              nobody listens: start it",
        "  skipped  echo             ari has to be ok first",
        "1 ok, 1 warning, 1 failed, 1 skipped",
    ]


def test_scripts_get_five_texts_a_finding() -> None:
    told = json.loads(as_json(ALL))
    assert told["status"] == "failed"
    assert told["findings"][1] == {
        "group": "This machine",
        "name": "secrets",
        "status": "warning",
        "what": "everybody can read it",
        "remedy": "chmod 600 it",
    }


@pytest.mark.parametrize(("count", "status"), [(1, "ok"), (2, "warning"), (3, "failed")])
def test_the_worst_finding_counts_and_only_a_failure_is_one(count: int, status: str) -> None:
    assert json.loads(as_json(ALL[:count]))["status"] == status
    assert has_failed(ALL[:count]) is (status == "failed")


def test_what_others_say_stays_on_its_line() -> None:
    odd = entries(failed("it said:\r\n\x1b[2Jok", ""))
    said = r"it said:\r\n\x1b[2Jok"
    assert as_text(odd).splitlines()[1] == f"  failed   database         {said}"
    assert json.loads(as_json(odd))["findings"][0]["what"] == said


def test_a_finding_without_a_remedy_is_what_was_found() -> None:
    assert str(Finding(Status.OK, "it")) == "it"
