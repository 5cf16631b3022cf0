"""Every link in the documentation leads somewhere, and every page is linked."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.documentation.pages import PAGES, ROOT, anchors, links, name

INDEX = ROOT / "docs" / "README.md"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    for link in links(page):
        parts = urlsplit(link)
        if parts.scheme in ("http", "https", "mailto"):
            continue
        target = (page.parent / parts.path).resolve() if parts.path else page
        assert target.is_relative_to(ROOT), f"{link} leads out of the project"
        assert target.exists(), f"{link}: no such file"
        if parts.fragment:
            assert parts.fragment in anchors(target), f"{link}: no such heading"


def test_the_index_has_a_line_for_every_page() -> None:
    pages = {path.name for path in (ROOT / "docs").iterdir()} - {INDEX.name}
    assert sorted(links(INDEX)) == sorted(pages)
    lines = [line for line in INDEX.read_text().splitlines() if line.startswith("- ")]
    assert len(lines) == len(pages)


def test_the_readme_leads_to_every_page() -> None:
    linked = {link.partition("#")[0] for link in links(ROOT / "README.md")}
    assert {name(page) for page in PAGES if page.parent == ROOT / "docs" and page != INDEX} <= linked


def test_the_pages_are_found() -> None:
    found = {name(page) for page in PAGES}
    assert {"README.md", "CONTRIBUTING.md", "docs/agents.md", "asterisk-conf/README.md"} <= found


def test_anchors_are_those_of_github(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Calls out: `trunks`\n## Retell's own clients\n```sh\n# no heading\n```\n### A_b\n### A_b\n")
    assert anchors(page) == {"calls-out-trunks", "retells-own-clients", "a_b", "a_b-1"}
