"""A table that many browsers watch: each cell is made and sent when it changes, and nothing else of the table.

What a browser shows is so left alone where nothing happens: a button keeps its focus, and hundreds of rows cost little.
A change is told as htmx's out-of-band swaps. Source: htmx, "hx-swap-oob".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from markupsafe import Markup

from ari_agent.console.live_feed import Feed, sent_event

Row = TypeVar("Row", bound=Hashable)

_EACH_S: Final = 1.0
_AT_ONCE: Final = 5
"""So many rows are made in one step of the event loop, in less than a millisecond: callers would hear longer ones."""
_REMEMBERED: Final = 1000
"""Rows that are gone and remembered, for browsers that have not been told."""


@dataclass(slots=True)
class _Shown(Generic[Row]):
    """A row as it is shown. added, changed: in which versions of the table it and its cells became what they are.

    html: the row as an element, made with its cells, since hundreds of rows are too many to be made for a browser.
    """

    row: Row
    cells: Mapping[str, str]
    html: str
    added: int
    changed: dict[str, int] = field(default_factory=dict)


class LiveRows(Feed, Generic[Row]):
    """Sends a table's rows whole at first, as the event `event`, and then what has changed, as `event`-changes.

    rows: returns the values of each row by its id, which is one of letters, digits, `_` and `-`; a new row is shown
    behind the others. render: makes the cells of a row, by their names; which those are is the same for all rows.
    """

    def __init__(
        self,
        event: str,
        rows: Callable[[], Mapping[str, Row]],
        render: Callable[[Row], Mapping[str, Markup]],
        *,
        each_s: float = _EACH_S,
    ) -> None:
        super().__init__(event, each_s=each_s)
        self._rows = rows
        self._render = render
        self._shown: dict[str, _Shown[Row]] = {}
        self._gone: dict[str, tuple[int, int]] = {}
        """When each row came, and when it was gone, as versions of the table."""
        self._told_from = 0
        """Whoever has seen an older version than this is sent the whole table."""
        self._made: tuple[tuple[int, int], bytes] = ((0, 0), b"")

    @property
    def html(self) -> Markup:
        """The rows, for the page that will watch them."""
        # each of them is made of ids and of what `render` has made, which has escaped the values
        return Markup("".join(shown.html for shown in self._shown.values()))  # noqa: S704

    async def look(self, version: int) -> bool:
        """Make the rows whose values have changed, and return whether there are any, or some are gone."""
        rows = self._rows()
        changed = {row_id: row for row_id, row in rows.items() if not self._is_shown(row_id, row)}
        gone = self._shown.keys() - rows.keys()
        if not changed and not gone:
            return version == 1  # whoever watches an empty table waits for it, too
        made: dict[str, _Shown[Row]] = {}
        for number, (row_id, row) in enumerate(changed.items(), 1):
            made[row_id] = self._make(row_id, row, version)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        for row_id in gone:
            self._gone[row_id] = self._shown.pop(row_id).added, version
        for row_id, shown in made.items():
            self._show(row_id, shown, version)
        while len(self._gone) > _REMEMBERED:
            _, self._told_from = self._gone.pop(next(iter(self._gone)))
        return True

    def piece_since(self, version: int) -> bytes:
        """Return the whole table, or what has changed since that version: made once for all who saw the same."""
        key = version, self._version
        if self._made[0] != key:
            whole = not version or version < self._told_from
            self._made = key, sent_event(self._event, self.html) if whole else self._changes(version)
        return self._made[1]

    def _is_shown(self, row_id: str, row: Row) -> bool:
        shown = self._shown.get(row_id)
        return shown is not None and shown.row == row

    def _make(self, row_id: str, row: Row, version: int) -> _Shown[Row]:
        cells = {name: _cell(row_id, name, content) for name, content in self._render(row).items()}
        return _Shown(row, cells, f'<tr id="{row_id}">{"".join(cells.values())}</tr>', version)

    def _show(self, row_id: str, new: _Shown[Row], version: int) -> None:
        before = self._shown.get(row_id)
        if before:
            changes = dict.fromkeys((name for name, cell in new.cells.items() if before.cells[name] != cell), version)
            new.added, new.changed = before.added, before.changed | changes
        elif self._gone.pop(row_id, None):
            self._told_from = version  # a browser that still shows the former one would have two
        self._shown[row_id] = new

    def _changes(self, version: int) -> bytes:
        new = [shown.html for shown in self._shown.values() if shown.added > version]
        swaps = [
            shown.cells[name].replace("<td ", '<td hx-swap-oob="true" ', 1)
            for shown in self._shown.values()
            if shown.added <= version
            for name, changed in shown.changed.items()
            if changed > version
        ]
        swaps += [
            f'<tr hx-swap-oob="delete" id="{row_id}"></tr>'
            for row_id, (added, gone) in self._gone.items()
            if added <= version < gone
        ]
        if new:
            swaps.append(f'<tbody hx-swap-oob="beforeend:#{self._event}">{"".join(new)}</tbody>')
        # rows and cells are no elements but inside a table, except in a template
        return sent_event(f"{self._event}-changes", "".join(f"<template>{swap}</template>" for swap in swaps))


def _cell(row_id: str, name: str, content: Markup) -> str:
    return f'<td id="{row_id}-{name}" class="{name}">{content}</td>'
