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
from typing import Final

from ari_agent.calls.record_writer import RecordWriter
from ari_agent.calls.switchboard import Switchboard
from ari_agent.contract.node import AsteriskState, NodeInfo
from ari_agent.errors import AsteriskUnreachable
from ari_agent.store.held_calls import HeldCalls

log = logging.getLogger(__name__)

NAMESAKE_S: Final = 30.0
"""How many seconds a controller waits at its start for one of its name to be found dead: some three, if it is."""
_LOOK_S: Final = 0.1


class Failover:
    """Takes calls over from dead nodes, and gives up those that another node has taken over.

    nodes: all controllers that share the database, by their last heartbeats. asterisk: ours, as it is now. wake: has
    webhooks, batches and analyses looked for that a dead node had begun. now_ms: milliseconds since the epoch.
    """

    def __init__(
        self,
        held_calls: HeldCalls,
        records: RecordWriter,
        switchboard: Switchboard,
        *,
        nodes: Callable[[], Sequence[NodeInfo]],
        asterisk: Callable[[], AsteriskState],
        wake: Callable[[], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._held_calls, self._records, self._switchboard = held_calls, records, switchboard
        self._nodes, self._asterisk, self._wake, self._now_ms = nodes, asterisk, wake, now_ms

    async def take_over(self, dead_node_id: int) -> None:
        """Go on with the calls of a dead node, or end them. May be repeated.

        Raises:
            AsteriskError: our Asterisk does not answer, or another node has that of the dead one: to be tried again, by
                whichever node gets to it.
            StoreError: the database is away.
        """
        nodes = self._nodes()
        dead = next((node for node in nodes if node.node_id == dead_node_id), None)
        us = next((node for node in nodes if node.is_this), None)
        if dead is None or us is None or us.node_id is None:
            raise AsteriskUnreachable("the database", "who has died is not known yet")
        is_ours = _serves(dead, self._asterisk())
        if not is_ours and any(_serves(dead, each) for node in nodes if _lives(node) for each in node.asterisks):
            raise AsteriskUnreachable(dead.name, "its Asterisk is another node's, which takes its calls over")
        self._wake()
        await self._records.close(await self._held_calls.take_over(dead_node_id, us.node_id), self._now_ms())
        if not is_ours:
            self._switchboard.left_calls.give_up()
        elif dead.app != us.app:  # under our own name they are gone on with when we are connected
            await self._switchboard.left_calls.go_on()
            await self._switchboard.sweep(dead.app)

    async def give_up(self, lost_node_id: int) -> None:
        """Let go of every call: another node has taken over what we had under this id."""
        for call in self._switchboard.live():
            self._switchboard.let_go(call.call_id)
        log.warning("calls let go of", extra={"node_id": lost_node_id})

    async def wait_for_namesakes(self, within_s: float = NAMESAKE_S) -> None:
        """Wait until no other node has the name of our application: one of an earlier run, that is about to be removed.

        What is in Asterisk under that name would else be ours, and swept, while another node goes on with it.
        """
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + within_s
        while not any(node.is_this for node in self._nodes()) or any(map(self._is_namesake, self._nodes())):
            if loop.time() > give_up_s:
                log.error("another controller has the name of our application in this Asterisk")
                return
            await asyncio.sleep(_LOOK_S)

    def _is_namesake(self, node: NodeInfo) -> bool:
        us = next((each for each in self._nodes() if each.is_this), None)
        return us is not None and not node.is_this and node.app == us.app and _serves(node, self._asterisk())


def _serves(node: NodeInfo, asterisk: AsteriskState) -> bool:
    return any(asterisk.is_same(each) for each in node.asterisks)


def _lives(node: NodeInfo) -> bool:
    return node.state == "serving" and not node.is_this
