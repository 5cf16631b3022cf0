"""Scripts and styles: packed once, kept by browsers for as long as they are the same."""

from __future__ import annotations

import gzip
import re

import pytest

from ari_agent.console.static_files import read_static_files, versioned_path
from tests.console.conftest import Browser, text_of

FILE = "htmx-2.0.11.min.js"


async def test_a_page_names_each_file_with_the_version_that_it_has(browser: Browser) -> None:
    named = re.findall(r'(?:src|href)="(/console/static/[^"]+)"', await text_of(browser, "/console"))
    assert len(named) >= 5
    for path in named:
        answer = await browser.get(path)
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable"), path


async def test_a_file_without_its_version_is_asked_for_again(browser: Browser) -> None:
    first = await browser.get(f"/console/static/{FILE}?v=old")
    assert first.headers["Cache-Control"] == "no-cache"
    for tags in (first.headers["ETag"], f'"other", {first.headers["ETag"]}'):
        again = await browser.get(f"/console/static/{FILE}", headers={"If-None-Match": tags})
        assert (again.status, await again.read()) == (304, b"")
    assert (await browser.get(f"/console/static/{FILE}", headers={"If-None-Match": '"other"'})).status == 200


@pytest.mark.parametrize("encoding", ["gzip, br", "identity"])
async def test_a_file_is_packed_once_for_all_who_understand_it(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    file = read_static_files()[FILE]
    monkeypatch.setattr(file, "packed", b"")
    asked = {"Accept-Encoding": encoding}
    answers = [await browser.get(f"/console/static/{FILE}", headers=asked) for _ in range(2)]
    assert [await answer.read() for answer in answers] == [file.body] * 2
    is_packed = encoding != "identity"
    assert [answer.headers.get("Content-Encoding") for answer in answers] == ["gzip" if is_packed else None] * 2
    assert answers[0].headers["Vary"] == "Accept-Encoding"
    assert bool(file.packed) == is_packed
    if is_packed:
        assert gzip.decompress(file.packed) == file.body
        file.packed = gzip.compress(b"the same")
        assert await (await browser.get(f"/console/static/{FILE}", headers=asked)).read() == b"the same"


def test_a_version_is_that_of_the_content() -> None:
    known = read_static_files()
    assert versioned_path(FILE) == f"/console/static/{FILE}?v={known[FILE].version}"
    assert len({file.version for file in known.values()}) == len(known)
    assert "README.md" not in known
