"""This process as one of the controllers that share a database: its row, its heartbeat, its lock and its lease."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ari_agent.contract.node import NodeInfo, NodeLoad
from ari_agent.errors import StoreError
from ari_agent.nodes.dead_nodes import DeadNodes, OnDead
from ari_agent.nodes.lease import Lease
from ari_agent.nodes.pace import Pace
from ari_agent.store.nodes import Introduction, NodeSession, Return, SeenNode
from ari_agent.store.store import Store

log = logging.getLogger(__name__)

# It goes on while the machine sleeps, where the system has such a clock.
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _now_s() -> float:
    return time.clock_gettime(_CLOCK)


_USUAL: Final = Pace()
OnFenced = Callable[[int], Awaitable[None]]


class Node:
    """A controller on a PostgreSQL. While the database is away, all goes on; then it is the same node again.

    about: what it says of itself. load, is_draining: asked at each heartbeat; they may be set later.
    """

    def __init__(
        self,
        store: Store,
        about: Introduction,
        pace: Pace = _USUAL,
        *,
        clock: Callable[[], float] = _now_s,
    ) -> None:
        self._store, self._about, self._pace = store, about, pace
        self._lease = Lease(clock, stood_still_s=pace.stood_still_s)
        self._dead = DeadNodes(pace)
        self._on_fenced: list[OnFenced] = []
        self._session: NodeSession | None = None
        self._own_id: int | None = None
        """The node that we are, or come back as; None where we have to join."""
        self._is_away = self._has_left = False
        self._settled_s = 0.0
        self._seen: Sequence[SeenNode] = ()
        self._seen_s = time.monotonic()
        self.load: Callable[[], NodeLoad] = NodeLoad
        self.is_draining: Callable[[], bool] = bool

    @property
    def node_id(self) -> int | None:
        """The id of its row; None before it has joined. When the node was fenced, it stays until it has joined anew.

        What is written meanwhile of calls that were taken over is so written by the node that has lost them.
        """
        return self._store.node_id

    @property
    def may_act(self) -> bool:
        """Whether this process may act for its calls. False after it stood still, until the database confirms them.

        To be asked before each request to Asterisk that a call makes: it costs next to nothing.
        """
        return self._lease.holds

    def acting_as(self) -> int | None:
        """Return the node_id as which this process may act for its calls; None while it may not. See `may_act`."""
        return self.node_id if self.may_act else None

    def takes_over(self, is_ready: bool) -> None:
        """Take over from dead nodes from now on, or not yet: others may. See DeadNodes.is_ready."""
        self._dead.is_ready = is_ready

    def on_dead(self, take_over: OnDead) -> None:
        """Have this called for each node that has died. See DeadNodes.on_dead."""
        self._dead.on_dead(take_over)

    def on_fenced(self, give_up: OnFenced) -> None:
        """Have this called with our node_id when another node has taken over what we had, to give up all of it.

        Afterwards we join as a new node. `may_act` is False until then.
        """
        self._on_fenced.append(give_up)

    def nodes(self) -> Sequence[NodeInfo]:
        """Return all nodes as they were at the last heartbeat, with the age that theirs have by now."""
        since_ms = round(1000 * (time.monotonic() - self._seen_s))
        return [self._shown(node, since_ms) for node in self._seen]

    def _shown(self, node: SeenNode, since_ms: int) -> NodeInfo:
        age_ms = node.info.heartbeat_age_ms
        state = "lost" if age_ms > 1000 * self._pace.frozen_after_s else node.info.state
        is_this = node.node_id == self.node_id
        return node.info.model_copy(update={"heartbeat_age_ms": age_ms + since_ms, "state": state, "is_this": is_this})

    async def join(self) -> None:
        """Become a node. Raises: StoreError."""
        session = await self._open()
        asked_s = self._lease.now_s()
        try:
            self._own_id = self._store.node_id = await session.join(self._about, self.load())
        except BaseException:
            await session.close()
            raise
        self._session = session
        self._lease.confirm(asked_s)
        log.info("joined as a node", extra={"node_id": self.node_id, "node": self._about.name})

    async def run(self) -> None:
        """Say again and again that we live, and look for nodes that do not, until cancelled."""
        running = asyncio.create_task(self._keep_running(), name="lease")
        try:
            while True:
                await self._beat()
                await asyncio.sleep(self._pace.beat_s)
        finally:
            running.cancel()
            await self._dead.stop()

    async def leave(self) -> None:
        """Be a node no more: what this one has begun has ended."""
        self._has_left = True
        if self._session is None or self._own_id is None:
            return
        session, self._session = self._session, None
        try:
            await session.leave(self._own_id)
        except StoreError as error:
            log.warning("another node will find that this one has gone: %s", error, extra={"node_id": self._own_id})
        self._store.node_id = None
        await session.close()

    async def _keep_running(self) -> None:
        while True:
            self._lease.ran()
            await asyncio.sleep(self._pace.beat_s)

    async def _beat(self) -> None:
        if self._has_left:
            return
        try:
            session = self._session or await self._come_back()
            if session is not None:
                await self._beat_in(session)
        except StoreError as error:
            await self._lost(error)

    async def _beat_in(self, session: NodeSession) -> None:
        if (own_id := self._own_id) is None:
            raise StoreError("not joined")
        asked_s = self._lease.now_s()
        if not await session.beat(own_id, "draining" if self.is_draining() else "serving", self.load()):
            await self._fenced(own_id)
            return
        self._lease.confirm(asked_s)
        self._seen, up_ms = await session.seen()
        self._seen_s = time.monotonic()
        is_settled = self._seen_s >= self._settled_s and up_ms >= 1000 * self._pace.grace_s
        if self.is_draining():  # whoever stays takes over
            return
        await self._dead.look(session, own_id, self._seen, is_settled=is_settled)

    async def _come_back(self) -> NodeSession | None:
        """Return a new session for the node that we are; None: not yet, or we have joined as another one."""
        if (own_id := self._own_id) is None:
            await self.join()
            return self._session
        session = await self._open(own_id)
        self._settled_s = time.monotonic() + self._pace.grace_s
        asked_s = self._lease.now_s()
        try:
            found = await session.come_back(own_id, self._about)
        except BaseException:
            await session.close()
            raise
        if found is not Return.WELCOME:
            await session.close()
            if found is Return.FENCED:
                await self._fenced(own_id)
            return self._session
        self._lease.confirm(asked_s)
        self._session, self._is_away = session, False
        log.info("the database is back, and this node is what it was", extra={"node_id": own_id})
        return session

    async def _open(self, node_id: int | None = None) -> NodeSession:
        session = self._store.node_session(within_s=self._pace.answer_s)
        try:
            await session.open(node_id)
        except BaseException:
            await session.close()
            raise
        return session

    async def _fenced(self, lost_id: int) -> None:
        """Give up all that we had, and join as a new node."""
        self._lease.doubt()
        log.error("another node has taken over what this one had, which gives it up", extra={"node_id": lost_id})
        await self._let_go()
        self._own_id = None
        for give_up in self._on_fenced:
            try:
                await give_up(lost_id)
            except Exception:  # what others have to give up is given up all the same
                log.exception("not all was given up that another node has taken over", extra={"node_id": lost_id})
        await self.join()
        self._is_away = False

    async def _lost(self, error: StoreError) -> None:
        if not self._is_away:
            log.error("this node is cut off from the database, its calls go on: %s", error)
        self._is_away = True
        await self._let_go()

    async def _let_go(self) -> None:
        await self._dead.stop()
        session, self._session = self._session, None
        if session is not None:
            await session.close()
