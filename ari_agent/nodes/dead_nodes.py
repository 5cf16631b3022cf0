"""Finds nodes that have died or stand still, and has what they had in hand taken over: by one node, exactly once.

A node is dead when its lock is free, as it falls with its process, or when its heartbeat has stopped: then the session
that holds the lock is ended first. Who gets the lock holds it while it takes over, so that no second node does; if it
dies meanwhile, the lock falls again, and another one goes on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from ari_agent.errors import StoreError
from ari_agent.nodes.pace import Pace
from ari_agent.store.nodes import NodeSession, SeenNode

log = logging.getLogger(__name__)

OnDead = Callable[[int], Awaitable[None]]


class DeadNodes:
    """Looks for them whenever it is told what there is. One for each node."""

    def __init__(self, pace: Pace, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace, self._clock = pace, clock
        self.is_ready = True
        """Whether we take over: not while the parts are still built that go on with what a dead node had."""
        self._on_dead: list[OnDead] = []
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._not_before_s: dict[int, float] = {}

    def on_dead(self, take_over: OnDead) -> None:
        """Have this called with the node_id of each node that died, after those that were registered before.

        It may be called again for the same node, where a node died or failed in the middle of it. While it runs,
        nobody else takes that node over; if this node itself is cut off from the database, it is cancelled.
        """
        self._on_dead.append(take_over)

    async def look(self, session: NodeSession, node_id: int, seen: Sequence[SeenNode], *, is_settled: bool) -> None:
        """Begin to take over whoever of these is dead. Raises StoreError where the session is over.

        node_id: our own. is_settled: whether everybody has had the time to come back after PostgreSQL was away.
        """
        if not is_settled or not self.is_ready:
            return
        for node in seen:
            other = node.node_id
            if other == node_id or other in self._under_way or self._clock() < self._not_before_s.get(other, 0.0):
                continue
            if node.holder is not None:
                await self._end_if_frozen(session, node)
            else:
                await self._take_if_dead(session, node)

    async def _end_if_frozen(self, session: NodeSession, node: SeenNode) -> None:
        """Let the lock of a node fall that stands still; the next look finds it free."""
        is_frozen = node.info.heartbeat_age_ms > 1000 * self._pace.frozen_after_s
        if is_frozen and await session.end_session_of(node):
            log.warning("a node stands still, its session was ended", extra=_about(node))

    async def _take_if_dead(self, session: NodeSession, node: SeenNode) -> None:
        silent_ms = round(1000 * self._pace.free_after_s)
        is_dead = node.info.state == "lost" or node.info.heartbeat_age_ms > silent_ms
        if is_dead and await session.take(node.node_id, silent_ms=silent_ms):
            log.warning("a node has died, it is taken over", extra=_about(node))
            self._begin(session, node.node_id)

    async def stop(self) -> None:
        """Stop taking over: the locks have fallen, or are about to."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self._pace.answer_s)

    def _begin(self, session: NodeSession, node_id: int) -> None:
        task = asyncio.create_task(self._take_over(session, node_id), name=f"take over node {node_id}")
        self._under_way[node_id] = task
        task.add_done_callback(lambda _: self._under_way.pop(node_id))

    async def _take_over(self, session: NodeSession, node_id: int) -> None:
        about, failed = {"node_id": node_id}, False
        for take_over in self._on_dead:
            try:
                await take_over(node_id)
            except Exception:  # the others have something to take over as well
                failed = True
                log.exception("a dead node was not wholly taken over, which is tried again", extra=about)
        self._not_before_s[node_id] = self._clock() + self._pace.again_s
        try:
            if failed:
                await session.release(node_id)
                return
            await session.remove(node_id)
        except StoreError as error:
            log.warning("a dead node was not removed, which is tried again: %s", error, extra=about)
            return
        del self._not_before_s[node_id]
        log.info("a dead node is taken over and removed", extra=about)


def _about(node: SeenNode) -> dict[str, object]:
    info = node.info
    return {"node_id": node.node_id, "node": info.name, "app": info.app, "silent_ms": info.heartbeat_age_ms}
