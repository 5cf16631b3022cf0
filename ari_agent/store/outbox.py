"""Webhook events between the moment they are recorded and the moment they are delivered, or given up.

    pending ──2xx──> delivered      the row stays, so that the event is never queued again, and can be replayed
     │  ↑ ↑             │
     │  │ └──replayed───┘
     │  └──replayed──┐
     └─no retry left─> dead       the row stays, for the API to show and replay
                          └─> buried  deleted over the API; the row stays, without its body

Each row has its last attempts, with how the receiver's answers begin. Of both, and of the body, it holds no more than
the record of its call or chat allows, see `kept_webhook`; a transcript that was delivered is held by the one after it.

What is settled is deleted after a while, see `purge_settled`: the rows of calls and chats that are over, since those
that go on may still queue an event that must not be queued again.

Of one call, the oldest event that is due goes first. One that waits for its next attempt lets the later ones pass, but
for one case: if its receiver was not reached at all, they wait with it, since they could not be delivered either; so a
call's order survives a receiver that restarts.

What the only controller is sending just now is known to it alone. Of several, each claims what it sends: `claimed_by`
is the node, and the others pass over the call of the event, so that its order is kept. The claim ends with the outcome
of the attempt, or with the node, see `claims`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Update,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)

from ari_agent.contract.chat import ChatStatus
from ari_agent.contract.disconnection import CallStatus
from ari_agent.contract.storage_setting import keeps_everything
from ari_agent.contract.webhook_attempt import WebhookAttempt, read_attempts, stored_attempts, without_answers
from ari_agent.contract.webhook_event import DeadLetter, QueuedEvent, WebhookEvent, WebhookEventName
from ari_agent.store.claims import is_in_other_hands
from ari_agent.store.database import Database, insert_into
from ari_agent.store.due_events import NEXT_DUE, NOT_REACHED, WantedEvents
from ari_agent.store.kept_webhook import HOLDS_THOSE_BEFORE, kept_webhook
from ari_agent.store.tables import IS_PENDING, calls, chats, outbox
from ari_agent.store.told_content import no_more_than

PENDING: Final = "pending"
DELIVERED: Final = "delivered"
DEAD: Final = "dead"
BURIED: Final = "buried"
_DEAD: Final[ColumnElement[str]] = literal_column("'dead'")  # written out as IS_PENDING is
UNFINISHED: Final = (CallStatus.REGISTERED.value, CallStatus.ONGOING.value)
_WHY_LIMIT: Final = 500  # characters of a failure's text that are kept
_AT_ONCE: Final = 200  # rows changed in one transaction of those that change many: it holds a save up for milliseconds
_THIS_PENDING: Final = update(outbox).where(outbox.c.outbox_id == bindparam("this_id"), outbox.c.state == IS_PENDING)
_FAILED: Final = _THIS_PENDING.values(attempts=outbox.c.attempts + 1)
_OUTCOMES: Final[Mapping[object, Update]] = {DELIVERED: _THIS_PENDING, PENDING: _FAILED, DEAD: _FAILED}
"""The statement that writes what became of an attempt, by the state that it leads to."""


def _event(row: Row[Any]) -> WebhookEvent:
    return WebhookEvent(
        call_id=row.call_id,
        event=WebhookEventName(row.event),
        url=row.url,
        body=bytes(row.body),
        timeout_ms=row.timeout_ms,
    )


def _dead(call_id: str | None) -> Select[Any]:
    """Dead letters by ascending id; of one call or chat, or all."""
    statement = select(outbox).where(outbox.c.state == _DEAD).order_by(outbox.c.outbox_id)
    return statement if call_id is None else statement.where(outbox.c.call_id == call_id)


class Outbox:
    """The queue. on_added: called whenever something became due that was not before; wakes the delivery."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms
        self.on_added: Callable[[], None] | None = None

    def add(self, connection: Connection, events: Sequence[WebhookEvent]) -> None:
        """Queue the events in the caller's transaction; a lifecycle event of the call that is there already is not
        queued again, and of the call's transcripts only the last one waits: it holds what those before it hold.
        `announce` after the commit.
        """
        if not events:
            return
        if last := {event.call_id: event for event in events if event.event is HOLDS_THOSE_BEFORE}:
            events = [each for each in events if each.event is not HOLDS_THOSE_BEFORE or each is last[each.call_id]]
            # Also one that is just being sent, which is sent to its end but not again.
            older = [outbox.c.call_id.in_(last), outbox.c.event == HOLDS_THOSE_BEFORE.value]
            if self._database.node_id is not None:  # with the row, the others would lose sight of what is being sent
                older.append(outbox.c.claimed_by.is_(None))
            connection.execute(delete(outbox).where(*older, outbox.c.state == IS_PENDING))
        now_ms = self._now_ms()
        statement = insert_into(connection, outbox).on_conflict_do_nothing(index_elements=["once_key"])
        connection.execute(
            statement,
            [
                {
                    "call_id": event.call_id,
                    "event": event.event.value,
                    "once_key": f"{event.call_id}:{event.event.value}" if event.event.once_per_call else None,
                    "url": event.url,
                    "receiver": event.receiver,
                    "body": event.body,
                    "timeout_ms": event.timeout_ms,
                    "state": PENDING,
                    "attempts": 0,
                    "created_ms": now_ms,
                    "next_attempt_ms": now_ms,
                }
                for event in events
            ],
        )

    def tell_no_more(self, connection: Connection, call_id: str, known: Mapping[str, Any]) -> None:
        """Make the events of a call or chat tell no more of it than its record, and drop what was answered to them.

        To be done in the transaction that stores the record, before its new events are added. known: the record as
        JSON; one of which everything may be kept changes nothing.
        """
        if keeps_everything(known.get("data_storage_setting")):
            return
        columns = (outbox.c.outbox_id, outbox.c.body, outbox.c.attempt_log)
        chosen = select(*columns).where(outbox.c.call_id == call_id, outbox.c.state != BURIED)
        for row in connection.execute(chosen).all():
            less: dict[str, object] = {}
            if row.body and (body := no_more_than(bytes(row.body), known)) is not None:
                less["body"] = body
            attempts = read_attempts(row.attempt_log)
            if any(attempt.answer for attempt in attempts):
                less["attempt_log"] = stored_attempts(without_answers(attempts))
            if less:
                connection.execute(update(outbox).where(outbox.c.outbox_id == row.outbox_id).values(**less))

    def announce(self) -> None:
        """Tell the delivery, if one listens, that something new is due."""
        if self.on_added:
            self.on_added()

    async def due(
        self,
        now_ms: int,
        limit: int,
        *,
        except_calls: Collection[str] = (),
        except_receivers: Collection[str] = (),
    ) -> Sequence[QueuedEvent]:
        """Up to `limit` pending events whose time has come, at most one of each call: the oldest of it that is due,
        unless an older one waits for its receiver.

        except_calls, except_receivers: calls with an event on its way, and receivers that are busy, are passed over.
        A node has claimed what it gets; calls with an event in other hands are passed over.
        """
        wanted = WantedEvents(now_ms, limit, except_calls, except_receivers, self._database.node_id)
        take = self._database.read if wanted.node_id is None else self._database.write
        rows = await take(wanted.take)
        return [QueuedEvent(row.outbox_id, _event(row), row.attempts) for row in rows]

    async def next_due_ms(self, after_ms: int) -> int | None:
        """When the next pending event after `after_ms` becomes due; None when there is none."""

        def ask(connection: Connection) -> int | None:
            return connection.execute(NEXT_DUE, {"after_ms": after_ms}).scalar()

        return await self._database.read(ask)

    async def delivered(self, outbox_id: int, attempt: WebhookAttempt | None = None) -> None:
        """A 2xx came back: the event is not sent again, unless somebody replays it. attempt: what is noted of it."""
        values = {"state": DELIVERED, "settled_ms": self._now_ms(), "why": None}
        await self._database.write(lambda connection: self._outcome(connection, outbox_id, values, attempt))

    async def failed(
        self,
        outbox_id: int,
        why: str,
        next_attempt_ms: int | None,
        *,
        not_reached: bool = False,
        attempt: WebhookAttempt | None = None,
    ) -> None:
        """An attempt failed. next_attempt_ms: when to try again; None: never, it is a dead letter now.

        not_reached: the receiver said nothing at all; later events of the call wait until this one is tried again.
        attempt: what is noted of it.
        """
        dead = next_attempt_ms is None
        values = {
            "state": DEAD if dead else PENDING,
            "settled_ms": self._now_ms() if dead else None,
            "next_attempt_ms": 0 if next_attempt_ms is None else next_attempt_ms,
            "why": (NOT_REACHED * not_reached + why)[:_WHY_LIMIT],
        }
        this_event = outbox.c.outbox_id == outbox_id
        of_call, of_chat = calls.c.call_id == outbox.c.call_id, chats.c.chat_id == outbox.c.call_id

        def write(connection: Connection) -> None:
            self._outcome(connection, outbox_id, values, attempt)
            if dead:  # of what was deleted meanwhile nothing is kept, for later neither
                is_gone = ~exists().where(of_call) & ~exists().where(of_chat)
                connection.execute(delete(outbox).where(this_event, outbox.c.state == DEAD, is_gone))

        await self._database.write(write)

    def _outcome(
        self, connection: Connection, outbox_id: int, values: Mapping[str, object], attempt: WebhookAttempt | None
    ) -> None:
        """Write what became of an attempt, and of body and answers what may be kept."""
        kept = kept_webhook(connection, outbox_id)
        outcome = {**values, "attempt_log": kept.log_with(attempt)}
        if values["state"] == DELIVERED and not kept.keeps_body:
            outcome["body"] = b""
        statement = _OUTCOMES[values["state"]]
        if (node_id := self._database.node_id) is not None:  # one that stood still may find it in other hands
            statement = statement.where(~is_in_other_hands(outbox.c.claimed_by, node_id))
            outcome["claimed_by"] = None
        connection.execute(statement, {"this_id": outbox_id, **outcome})

    async def depth(self) -> int:
        """Return how many events are pending."""
        return await self._count(IS_PENDING)

    async def dead_count(self) -> int:
        """Return how many dead letters there are."""
        return await self._count(_DEAD)

    async def dead_letters(
        self, *, limit: int = 50, after_id: int = 0, call_id: str | None = None
    ) -> Sequence[DeadLetter]:
        """Dead letters by ascending id. after_id: the last id of the page before. call_id: of one call or chat."""
        return [
            DeadLetter(row.outbox_id, _event(row), row.attempts, row.why or "", row.created_ms, row.settled_ms)
            for row in await self._database.rows(_dead(call_id).where(outbox.c.outbox_id > after_id).limit(limit))
        ]

    async def replay(self, outbox_id: int) -> bool:
        """Make a dead letter pending again, with all its attempts. False: there is no such dead letter."""
        return bool(await self._replay([outbox_id]))

    async def replay_all(self, *, call_id: str | None = None) -> int:
        """The same for all that are dead now, or for those of one call or chat; returns how many there were."""
        ids = _dead(call_id).with_only_columns(outbox.c.outbox_id).limit(_AT_ONCE)
        replayed = last_id = 0
        # by id, so that one that dies again meanwhile is not met again
        while rows := await self._database.rows(ids.where(outbox.c.outbox_id > last_id)):
            replayed += await self._replay([row.outbox_id for row in rows])
            last_id = rows[-1].outbox_id
        return replayed

    async def _replay(self, outbox_ids: Sequence[int]) -> int:
        return await self.replay_where(outbox.c.state == _DEAD, outbox.c.outbox_id.in_(outbox_ids))

    async def replay_where(self, *conditions: ColumnElement[bool]) -> int:
        """Make the events that fulfil all conditions pending again, with all their attempts; returns how many."""
        anew = {"state": PENDING, "attempts": 0, "settled_ms": None, "why": None, "next_attempt_ms": self._now_ms()}
        statement = update(outbox).where(*conditions).values(**anew, replays=outbox.c.replays + 1)
        replayed = await self._database.run(statement)
        if replayed:
            self.announce()
        return replayed

    async def bury(self, outbox_id: int) -> bool:
        """Forget a dead letter: it stays only as the mark that its event was queued once. False: there is none."""
        return await self._set(
            outbox_id, state=BURIED, settled_ms=self._now_ms(), body=b"", attempt_log=None, where_state=DEAD
        )

    async def purge_settled(self, before_ms: int) -> int:
        """Delete some of what was delivered or buried before that time; returns how many, 0 when there are none left.

        What belongs to a call or chat that goes on stays. Leave a day or more: `Calls.save` may be repeated within
        minutes of a call's end.
        """
        return await self._purge((DELIVERED, BURIED), before_ms)

    async def purge_dead(self, before_ms: int) -> int:
        """Delete some dead letters that died before that time, as `purge_settled` does."""
        return await self._purge((DEAD,), before_ms)

    async def _purge(self, states: Collection[str], before_ms: int) -> int:
        goes_on = or_(
            exists().where(calls.c.call_id == outbox.c.call_id, calls.c.call_status.in_(UNFINISHED)),
            exists().where(chats.c.chat_id == outbox.c.call_id, chats.c.chat_status == ChatStatus.ONGOING.value),
        )
        old = (
            select(outbox.c.outbox_id)
            .where(outbox.c.state.in_(states), outbox.c.settled_ms < before_ms, ~goes_on)
            .limit(_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        return await self._database.run(delete(outbox).where(outbox.c.outbox_id.in_(old)))

    def forget(self, connection: Connection, call_id: str) -> None:
        """Drop what is settled of a call that is being deleted; what is pending is still delivered."""
        connection.execute(delete(outbox).where(outbox.c.call_id == call_id, outbox.c.state != PENDING))

    async def _set(self, outbox_id: int, *, where_state: str, **values: object) -> bool:
        this_event = (outbox.c.outbox_id == outbox_id) & (outbox.c.state == where_state)
        return await self._database.run(update(outbox).where(this_event).values(**values)) == 1

    async def _count(self, state: ColumnElement[str]) -> int:
        statement = select(func.count()).select_from(outbox).where(outbox.c.state == state)
        return await self._database.scalar(statement) or 0
