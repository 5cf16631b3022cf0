"""One controller's session of PostgreSQL for concurrency slots: its own connection, which hears of others' slots.

What calls wait for does not queue up behind records that are saved. It is the driver's connection, without SQLAlchemy:
a slot is taken and given back in a third of the time.

`synchronous_commit` is off: these transactions wait for no disk. What a crash of PostgreSQL may undo is the last
second, and controllers then say anew what they hold.

That a slot came free is told by NOTIFY, in a transaction by itself after that of the slot, since one with a NOTIFY
takes a lock of the whole server when it is committed. It is a hint, which may be late or lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from ari_agent.contract.slot_rules import SlotUsage
from ari_agent.errors import StoreError
from ari_agent.store import slot_rows
from ari_agent.store.database import Database
from ari_agent.store.slot_rows import NoNode, SlotAnswers, SlotWishes

log = logging.getLogger(__name__)

CHANNEL: Final = "ari_agent_slots"
FROZEN_MS: Final = 2_000
"""How long a controller that stands still in the middle of a transaction may hold up all others."""
ANSWER_S: Final = 5.0
"""How long the database may take for one exchange, in seconds; then the connection is given up."""
_AGAIN_S: Final = 0.25


class SlotSession:
    """The session. on_hint: another controller has given a slot back. on_begin: there is a new connection.

    Where `on_begin` is called again, PostgreSQL may have crashed in between, and its last transactions be undone.
    """

    def __init__(self, database: Database, *, frozen_ms: int = FROZEN_MS, answer_s: float = ANSWER_S) -> None:
        self._database = database
        self._frozen_ms, self._answer_s = frozen_ms, answer_s
        self._connection: Any = None
        self._turn = asyncio.Lock()
        self._is_hint_due = asyncio.Event()
        self.on_hint: Callable[[], None] = lambda: None
        self.on_begin: Callable[[], None] = lambda: None

    @property
    def node_id(self) -> int | None:
        """Which of the controllers this is; None: none. It may become another one."""
        return self._database.node_id

    async def exchange(self, wishes: SlotWishes) -> SlotAnswers:
        """Give back and ask for slots, in one transaction.

        Raises:
            NoNode: this is none of the controllers.
            StoreError: the database is away. Then nobody knows whether it was done.
        """
        if (node_id := self.node_id) is None:
            raise NoNode
        async with self._in_turn() as connection:
            if wishes.wants_room:
                return await slot_rows.exchange(connection, node_id, wishes)
            await slot_rows.give_back(connection, node_id, wishes.given_back)
            return SlotAnswers()

    async def usage(self) -> SlotUsage:
        """Return how many slots are in use and waited for by all controllers. Raises: StoreError."""
        async with self._in_turn() as connection:
            return await slot_rows.usage_of(connection)

    def hint(self) -> None:
        """Tell the others soon that a slot came free; several at once are told together."""
        self._is_hint_due.set()

    async def run(self) -> None:
        """Keep the connection, until cancelled; while the database is away, try again."""
        while True:
            try:
                async with self._database.own_connection() as connection:
                    await self._serve(connection)
            except StoreError as error:
                log.debug("no session for slots: %s", error)
            finally:
                self._connection = None
            await asyncio.sleep(_AGAIN_S)

    async def _serve(self, connection: Any) -> None:
        own_pid = connection.get_server_pid()

        def heard(_connection: object, pid: int, _channel: str, _payload: str) -> None:
            if pid != own_pid:
                self.on_hint()

        connection.add_termination_listener(lambda _: self._is_hint_due.set())
        settings = f"synchronous_commit = off; SET idle_in_transaction_session_timeout = {self._frozen_ms}"
        await connection.execute(f"SET {settings}", timeout=self._answer_s)
        await connection.add_listener(CHANNEL, heard)
        self._connection = connection
        self.on_begin()
        while not connection.is_closed():
            await self._is_hint_due.wait()
            self._is_hint_due.clear()
            if not connection.is_closed():
                async with self._in_turn():
                    await connection.execute(f"NOTIFY {CHANNEL}")

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[Any]:
        """Have the connection for oneself. What fails leaves it in the middle of something: it is given up."""
        async with self._turn:
            if (connection := self._connection) is None:
                raise StoreError("there is no connection to the database")
            try:
                async with asyncio.timeout(self._answer_s), self._database.translated():
                    yield connection
            except NoNode:
                raise
            except BaseException:
                connection.terminate()
                raise
