"""The outbox as people see it: what became of each webhook, and sending one again that is at its end.

A replay is for the row as somebody has seen it: it carries how often the row was replayed by then, and changes
nothing where that is no longer so. Whoever clicks twice has it sent once more, not twice, even if it was delivered
between the clicks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, func, literal_column, or_, select, true

from ari_agent.contract.webhook_attempt import read_attempts
from ari_agent.contract.webhook_delivery import DeliveryCounts, DeliveryFilter, DeliveryState, WebhookDelivery
from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.store.database import Database
from ari_agent.store.outbox import BURIED, Outbox
from ari_agent.store.tables import outbox

REPLAYED_AT_ONCE: Final = 200
"""Rows that one transaction sends again: it holds the save of a call up for milliseconds."""
_SHOWN: Final = (
    outbox.c.outbox_id,
    outbox.c.call_id,
    outbox.c.event,
    outbox.c.url,
    outbox.c.state,
    outbox.c.created_ms,
    outbox.c.next_attempt_ms,
    outbox.c.settled_ms,
    outbox.c.attempts,
    outbox.c.why,
    outbox.c.replays,
    outbox.c.attempt_log,
    func.length(outbox.c.body).label("size_bytes"),
)
_OF_CALL: Final = 100
"""Deliveries of one call or chat that are shown, the newest; transfers and transcripts have one each."""
# Written out and not bound: only then do the databases see that a partial index serves the query.
_STATES: Final[Mapping[DeliveryState, ColumnElement[str]]] = {
    state: literal_column(f"'{state}'") for state in DeliveryState
}
_SETTLED: Final = [_STATES[DeliveryState.DELIVERED], _STATES[DeliveryState.DEAD]]


class WebhookDeliveries:
    """Shows what is in an outbox, and makes it send again."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def page(
        self, wanted: DeliveryFilter, *, limit: int = 50, before_id: int | None = None
    ) -> tuple[Sequence[WebhookDelivery], int | None]:
        """Return deliveries from the newest to the oldest, and where the next page begins; None after the last.

        before_id: as it was returned with the page before.
        """
        here = () if before_id is None else (outbox.c.outbox_id < before_id,)
        ids = select(outbox.c.outbox_id).where(*_conditions(wanted), *here)
        # the ids come out of an index alone: rows have bodies, which would be passed over one by one
        found = ids.order_by(outbox.c.outbox_id.desc()).limit(limit + 1).subquery()
        rows = await self._database.rows(_newest_first(outbox.c.outbox_id.in_(select(found.c.outbox_id))))
        shown = await _deliveries(rows[:limit])
        return shown, shown[-1].webhook_id if len(rows) > limit else None

    async def of_call(self, call_id: str) -> Sequence[WebhookDelivery]:
        """Return the deliveries of one call or chat in their order; of very many, the last ones."""
        statement = _newest_first(*_conditions(DeliveryFilter(call_id=call_id))).limit(_OF_CALL)
        return (await _deliveries(await self._database.rows(statement)))[::-1]

    async def get(self, webhook_id: int) -> tuple[WebhookDelivery, bytes] | None:
        """Return a delivery, and the body that is sent, b"" where it is not kept; None where there is none."""
        statement = select(*_SHOWN, outbox.c.body).where(outbox.c.outbox_id == webhook_id, _is_shown())
        rows = await self._database.rows(statement)
        return (_delivery(rows[0]), bytes(rows[0].body)) if rows else None

    async def count(self, wanted: DeliveryFilter) -> int:
        """Return how many fit."""
        statement = select(func.count()).select_from(outbox).where(*_conditions(wanted))
        return await self._database.scalar(statement) or 0

    async def counts(self, *, delivered_since_ms: int) -> DeliveryCounts:
        """Return how many wait, were delivered at that time or later, in milliseconds since 1970, and are dead."""
        since = {DeliveryState.DELIVERED: outbox.c.settled_ms >= delivered_since_ms}
        statement = select(func.count()).select_from(outbox)
        each = [
            statement.where(outbox.c.state == is_state, since.get(state, true())).scalar_subquery().label(state.value)
            for state, is_state in _STATES.items()
        ]
        (row,) = await self._database.rows(select(*each))
        return DeliveryCounts(row.pending, row.delivered, row.dead)

    async def replay(self, webhook_id: int, *, replays: int) -> bool:
        """Send one that is at its end again, as the outbox sends what is new. False: nothing is changed.

        replays: how often it had been sent again as it was shown; where it was since then, or is on its way, or was
        not kept, nothing happens.
        """
        as_seen = (outbox.c.outbox_id == webhook_id, outbox.c.replays == replays)
        is_kept = (outbox.c.state.in_(_SETTLED), func.length(outbox.c.body) > 0)
        return await self._outbox.replay_where(*as_seen, *is_kept) == 1

    async def replay_dead(self, wanted: DeliveryFilter, *, died_until_ms: int, limit: int) -> int:
        """Send those again that fit and were given up by then, the oldest first, at most `limit`; returns how many.

        died_until_ms: milliseconds since 1970, of when the filter was chosen: those that die again are not met again.
        wanted: its state is of no interest.
        """
        these = (*_conditions(replace(wanted, state=DeliveryState.DEAD)), outbox.c.settled_ms <= died_until_ms)
        found = select(outbox.c.outbox_id).where(*these).order_by(outbox.c.outbox_id)
        replayed = 0
        while (left := limit - replayed) > 0:
            ids = await self._database.rows(found.limit(min(left, REPLAYED_AT_ONCE)))
            if not ids:
                break
            replayed += await self._outbox.replay_where(outbox.c.outbox_id.in_([row.outbox_id for row in ids]), *these)
        return replayed


def _newest_first(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(*_SHOWN).where(*conditions).order_by(outbox.c.outbox_id.desc())


def _is_shown() -> ColumnElement[bool]:
    """Not what was deleted over the API, of which only the mark is left."""
    return outbox.c.state != literal_column(f"'{BURIED}'")


def _conditions(wanted: DeliveryFilter) -> Iterator[ColumnElement[bool]]:
    yield outbox.c.state == _STATES[wanted.state] if wanted.state else _is_shown()
    if wanted.event:
        yield outbox.c.event == wanted.event.value
    if wanted.host:
        host, receiver = wanted.host.lower(), outbox.c.receiver
        # ";" comes right after ":", so this is any port; a pattern would take twice as long for each row
        yield or_(receiver == host, and_(receiver > f"{host}:", receiver < f"{host};"))
    if wanted.call_id:
        yield outbox.c.call_id == wanted.call_id


async def _deliveries(rows: Sequence[Row[Any]]) -> Sequence[WebhookDelivery]:
    # in a thread: the attempts of a hundred can be ten megabytes, which callers would hear
    return await asyncio.to_thread(lambda: [_delivery(row) for row in rows])


def _delivery(row: Row[Any]) -> WebhookDelivery:
    state = DeliveryState(row.state)
    return WebhookDelivery(
        webhook_id=row.outbox_id,
        call_id=row.call_id,
        event=WebhookEventName(row.event),
        url=row.url,
        state=state,
        created_ms=row.created_ms,
        due_ms=row.next_attempt_ms if state is DeliveryState.PENDING else None,
        settled_ms=row.settled_ms,
        failures=row.attempts,
        why=row.why,
        replays=row.replays,
        attempts=read_attempts(row.attempt_log),
        is_kept=row.size_bytes > 0,
    )
