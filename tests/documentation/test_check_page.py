"""The sample of `ari-agent check` in the documentation has the lines that the check prints."""

from __future__ import annotations

import re
from collections import Counter

from ari_agent.check.finding import Status
from ari_agent.check.table import CHECKS
from tests.documentation.pages import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()


def test_the_sample_of_check_has_every_check_in_its_group_and_counts_right() -> None:
    found = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert found
    *lines, counts = found[1].splitlines()
    group, shown, statuses = "", [], Counter[str]()
    for line in lines:
        if not line.startswith("  "):
            group = line
            continue
        shown.append((group, line[11:27].strip()))
        statuses[line[2:10].strip()] += 1
    assert shown == [(check.group, check.name) for check in CHECKS]
    assert counts == ", ".join(f"{statuses[status.value]} {status.value}" for status in Status)
