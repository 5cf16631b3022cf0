"""A controller that has its database to itself: it looks like a node among nodes, and asks nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from importlib.metadata import version

from ari_agent.contract.node import NodeInfo, NodeLoad
from ari_agent.nodes.dead_nodes import OnDead
from ari_agent.nodes.node import Node, OnFenced
from ari_agent.store.nodes import Introduction


class SoleNode:
    """The one node that there is. See Node, whose interface it has."""

    node_id: None = None
    may_act: bool = True

    def __init__(self, about: Introduction, *, started_ms: int) -> None:
        self._about, self._started_ms = about, started_ms
        self.load: Callable[[], NodeLoad] = NodeLoad
        self.is_draining: Callable[[], bool] = bool

    def nodes(self) -> Sequence[NodeInfo]:
        """Return this node as it is now."""
        about = self._about
        return [
            NodeInfo(
                **dict(self.load()),
                name=about.name,
                app=about.app,
                url=about.url,
                version=version("ari-agent"),
                state="draining" if self.is_draining() else "serving",
                started_at=self._started_ms,
                is_this=True,
            )
        ]

    async def run(self) -> None:
        """Do nothing until cancelled."""
        await asyncio.get_running_loop().create_future()

    def acting_as(self) -> int:
        """Return what is the same at all times: nobody takes anything over."""
        return 0

    def takes_over(self, is_ready: bool) -> None:
        """Nobody else is there to take over from."""

    def on_dead(self, take_over: OnDead) -> None:
        """Nobody else is there who could die."""

    def on_fenced(self, give_up: OnFenced) -> None:
        """Nobody else is there who could take over."""


AnyNode = Node | SoleNode
"""What a controller is, whatever its database."""
