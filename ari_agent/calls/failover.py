"""What becomes of the calls of a controller that has died, where several share a database: this one goes on with them.

    a node is dead ──▶ its calls are ours in the database ──▶ those whose caller is in our Asterisk go on with us
                                                         └──▶ the others end, as do callers who were not answered yet
                   ──▶ what else it has left in Asterisk is swept

All of that is done before the dead node is forgotten, so that a controller which is started again under its name finds
nothing of it. And the other way round: a controller that only stood still, and finds that another one has its calls,
lets go of them, touches nothing of them in Asterisk, and stores and tells nothing of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from ari_agent.asterisk.ari import Ari
from ari_agent.calls.asterisk_state import asterisk_state
from ari_agent.calls.record_writer import RecordWriter
from ari_agent.calls.switchboard import Switchboard
from ari_agent.contract.node import AsteriskState, NodeInfo
from ari_agent.errors import AsteriskError, AsteriskUnreachable
from ari_agent.store.held_calls import HeldCalls

log = logging.getLogger(__name__)

NAMESAKE_S: Final = 30.0
"""How many seconds a controller waits at its start for one of its name to be found dead: some three, if it is."""
_LOOK_S: Final = 0.1


class Failover:
    """Takes calls over from dead nodes, and gives up those that another node has taken over.

    nodes: all controllers that share the database, by their last heartbeats. ari: our Asterisk. wake: has webhooks,
    batches and analyses looked for that a dead node had begun. now_ms: milliseconds since the epoch.
    """

    def __init__(
        self,
        held_calls: HeldCalls,
        records: RecordWriter,
        switchboard: Switchboard,
        ari: Ari,
        *,
        nodes: Callable[[], Sequence[NodeInfo]],
        wake: Callable[[], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._held_calls, self._records, self._switchboard, self._ari = held_calls, records, switchboard, ari
        self._nodes, self._wake, self._now_ms = nodes, wake, now_ms
        self._taking: dict[int, asyncio.Task[None]] = {}

    async def take_over(self, dead_node_id: int) -> None:
        """Go on with the calls of a dead node, or end them. May be repeated.

        Whoever waits may be cancelled; what was begun goes on, as nobody else would find those calls any more.

        Raises:
            AsteriskError: our Asterisk does not answer, or another node has that of the dead one: to be tried again, by
                whichever node gets to it.
            StoreError: the database is away.
        """
        if (taking := self._taking.get(dead_node_id)) is None:
            taking = self._taking[dead_node_id] = asyncio.create_task(self._take_over(dead_node_id))
            taking.add_done_callback(lambda _: self._taking.pop(dead_node_id))
        await asyncio.shield(taking)

    async def close(self) -> None:
        """End what is being taken over: this controller stops, and another one goes on with its calls."""
        tasks = list(self._taking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _take_over(self, dead_node_id: int) -> None:
        nodes = self._nodes()
        dead = next((node for node in nodes if node.node_id == dead_node_id), None)
        us = next((node for node in nodes if node.is_this), None)
        if dead is None or us is None or us.node_id is None:
            raise AsteriskUnreachable("the database", "who has died is not known yet")
        ours = asterisk_state(self._ari)
        if ours.started_at is None:
            raise AsteriskUnreachable(ours.url, "it is not known yet whether it is the one of a dead node")
        is_ours = _serves(dead, ours)
        if not is_ours:
            self._leave_to_others(dead)
        elif dead.app != us.app and not ours.connected:
            raise AsteriskUnreachable(ours.url, "this node is not connected, and could not take callers over")
        taken = await self._held_calls.take_over(dead_node_id, us.node_id)
        self._wake()
        await self._records.close(taken, self._now_ms())
        left_calls = self._switchboard.left_calls
        if not is_ours:
            await left_calls.give_up({stored.call.call_id for stored in taken})
            return
        if ours.connected:  # else that is done when we are
            await left_calls.go_on()
        if dead.app != us.app:
            await self._sweep(dead)

    def _leave_to_others(self, dead: NodeInfo) -> None:
        """Raise where another node has the Asterisk of a dead one, or may soon have it: the dead one, started again."""
        others = [node for node in self._nodes() if node.state != "lost" and not node.is_this]
        if any(_serves(dead, each) for node in others for each in node.asterisks):
            raise AsteriskUnreachable(dead.name, "its Asterisk is another node's, which takes its calls over")
        if dead.heartbeat_age_ms < 1000 * NAMESAKE_S:
            raise AsteriskUnreachable(dead.name, "its Asterisk is not ours; it may be started again")

    async def _sweep(self, dead: NodeInfo) -> None:
        """Sweep what a dead node has left in Asterisk, unless somebody else has to do with it."""
        if await self._held_calls.has_others_of(dead.app):
            raise AsteriskUnreachable(dead.name, "another node has calls of it, and has not moved their callers yet")
        if not any(self._has_name_of(node, dead) for node in self._nodes() if node.state != "lost"):
            await self._switchboard.sweep(dead.app)  # else that one sweeps what is in its application

    async def give_up(self, lost_node_id: int) -> None:
        """Let go of every call: another node has taken over what we had under this id."""
        self._switchboard.left_calls.forget()
        for call in self._switchboard.live():
            self._switchboard.let_go(call.call_id)
        log.warning("calls let go of", extra={"node_id": lost_node_id})

    async def wait_for_namesakes(self, within_s: float = NAMESAKE_S) -> None:
        """Wait until no other node has the name of our application: one of an earlier run, that is about to be removed.

        What is in Asterisk under that name would else be ours, and swept, while another node goes on with it.
        """
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + within_s
        while True:
            us = next((node for node in self._nodes() if node.is_this), None)
            namesakes = [node for node in self._nodes() if us and node.app == us.app and not node.is_this]
            if us and not namesakes:
                return
            if namesakes and self._ari.started_at is None:
                with suppress(AsteriskError):  # whose Asterisk is the same tells when it was started
                    await self._ari.asterisk_info()
            ours = asterisk_state(self._ari)
            if namesakes and ours.started_at and not any(_serves(node, ours) for node in namesakes):
                return
            if loop.time() > give_up_s:
                log.error("another controller has the name of our application in Asterisk")
                return
            await asyncio.sleep(_LOOK_S)

    def _has_name_of(self, node: NodeInfo, dead: NodeInfo) -> bool:
        is_same = any(_serves(dead, each) for each in node.asterisks) or not node.asterisks
        return node.app == dead.app and node.node_id != dead.node_id and is_same


def _serves(node: NodeInfo, asterisk: AsteriskState) -> bool:
    return any(asterisk.is_same(each) for each in node.asterisks)
