"""A table that many browsers watch: what is sent leads each of them to the same table, whatever it has missed."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

from markupsafe import Markup, escape

from ari_agent.console.live_rows import LiveRows

Row = tuple[str, str]


class Table:
    """The rows of a test, and how often a row was made."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.made = 0
        self.feed: LiveRows[Row] = LiveRows("calls", lambda: dict(self.rows), self._render)

    def _render(self, row: Row) -> Mapping[str, Markup]:
        self.made += 1
        return {"state": escape(row[0]), "words": escape(row[1])}


class Watcher:
    """Applies events as the page does, by htmx's rules for out-of-band swaps."""

    def __init__(self, feed: LiveRows[Row]) -> None:
        self.feed, self.seen, self.shown = feed, 0, dict[str, dict[str, str]]()

    def catch_up(self) -> str:
        piece = self.feed.piece_since(self.seen).decode()
        self.seen = self.feed._version
        event, _, data = piece.partition("\n")
        text = "\n".join(line.removeprefix("data: ") for line in data.rstrip("\n").split("\n"))
        if event == "event: calls":
            self.shown = rows_of(text)
            return text
        assert event == "event: calls-changes"
        for template in re.findall(r"<template>(.*?)</template>", text):
            self._swap(template)
        return text

    def _swap(self, template: str) -> None:
        if added := re.fullmatch(r'<tbody hx-swap-oob="beforeend:#calls">(.*)</tbody>', template):
            rows = rows_of(added[1])
            assert not rows.keys() & self.shown.keys()
            self.shown |= rows
        elif gone := re.fullmatch(r'<tr hx-swap-oob="delete" id="(\w+)"></tr>', template):
            del self.shown[gone[1]]
        else:
            cell = re.fullmatch(r'<td hx-swap-oob="true" id="(\w+)-(\w+)" class="\2">(.*)</td>', template)
            assert cell, template
            self.shown[cell[1]][cell[2]] = cell[3]


def rows_of(text: str) -> dict[str, dict[str, str]]:
    return {
        row_id: dict(re.findall(r'<td id="[\w-]+" class="(\w+)">(.*?)</td>', cells))
        for row_id, cells in re.findall(r'<tr id="(\w+)">(.*?)</tr>', text)
    }


def shown(rows: Mapping[str, Row]) -> dict[str, dict[str, str]]:
    return {
        row_id: {"state": str(escape(state)), "words": str(escape(words))} for row_id, (state, words) in rows.items()
    }


async def test_only_the_cells_that_changed_are_made_and_sent() -> None:
    table = Table()
    table.rows = {"a": ("talking", "Hello <b>"), "b": ("talking", "")}
    await table.feed.renew()
    watcher = Watcher(table.feed)
    assert 'id="a-words" class="words">Hello &lt;b&gt;</td>' in watcher.catch_up()
    table.rows["a"] = ("talking", "Bye")
    made = table.made
    await table.feed.renew()
    assert table.made == made + 1
    assert watcher.catch_up() == '<template><td hx-swap-oob="true" id="a-words" class="words">Bye</td></template>'
    del table.rows["b"]
    await table.feed.renew()
    assert watcher.catch_up() == '<template><tr hx-swap-oob="delete" id="b"></tr></template>'
    table.rows["c"] = ("rings", "")
    await table.feed.renew()
    assert '<tbody hx-swap-oob="beforeend:#calls"><tr id="c">' in watcher.catch_up()
    await table.feed.renew()
    assert (table.feed._version, table.made) == (4, 4)


async def test_an_empty_table_is_told_so_that_a_browser_forgets_old_rows() -> None:
    table = Table()
    await table.feed.renew()
    assert table.feed.piece_since(0) == b"event: calls\ndata: \n\n"


async def test_every_watcher_ends_with_the_table_as_it_is_whatever_it_missed() -> None:
    dice, table = random.Random(1), Table()
    watchers: list[Watcher] = []
    for number in range(400):
        for _ in range(dice.choice((0, 1, 1, 3, 15))):
            if table.rows and dice.random() < 0.4:
                del table.rows[dice.choice(list(table.rows))]
            # ids that come again, too, which calls never do
            table.rows[f"r{dice.randrange(60)}"] = (dice.choice("abc"), dice.choice("xyz"))
        await table.feed.renew()
        if number % 20 == 0:
            watchers.append(Watcher(table.feed))
        for watcher in watchers:
            if table.feed._version != watcher.seen and dice.random() < 0.3:
                watcher.catch_up()
                assert watcher.shown == shown(table.rows)


async def test_whoever_missed_more_than_is_remembered_is_sent_the_whole_table() -> None:
    table = Table()
    table.rows = {"a": ("", "")}
    await table.feed.renew()
    watcher = Watcher(table.feed)
    watcher.catch_up()
    for number in range(3):
        table.rows = {f"r{number}_{n}": ("", "") for n in range(500)}
        await table.feed.renew()
    assert len(table.feed._gone) == 1000
    watcher.catch_up()
    assert watcher.shown == shown(table.rows)
